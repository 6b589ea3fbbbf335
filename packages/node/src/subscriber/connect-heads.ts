/**
 * Whether signed heads of one log are one history, asked of whoever can know. A remote that has the larger head must be
 * able to prove how it grew; one that has not may happen to. What is learnt holds for one round of a poll.
 */
import type { Evidence, GrowthResult, LogClient } from "@trustix/client";
import { sameHead } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import { headPreimage } from "@trustix/protocol";
import type { LogHead } from "@trustix/protocol";

/** A head, validly signed, and who showed it. */
export interface ShownHead {
  readonly head: LogHead;
  readonly from: LogClient;
}

export type Connection =
  | { readonly kind: "consistent" }
  | { readonly kind: "contradiction"; readonly evidence: Evidence; readonly why: string }
  | Unconnected;

export interface Unconnected {
  readonly kind: "unconnected";
  /** `undefined`: the larger head does not check by itself. */
  readonly from: LogHead | undefined;
  readonly to: LogHead;
  /**
   * `refused`: somebody who has the larger head answered, and not with a proof: they owe one. `silent`: those who have
   * it could not be reached, or were too busy. `unable`: nobody who has it is there to ask.
   */
  readonly cause: "refused" | "silent" | "unable";
  readonly why: string;
  /** Whose answer, or silence, that is. */
  readonly at: LogClient | undefined;
}

export interface ProofOptions {
  readonly signal: AbortSignal;
  /** Milliseconds for each call that a proof takes. */
  readonly timeoutMs: number;
}

/** Codes by which a server says that it cannot now, rather than that it will not. */
const BUSY: ReadonlySet<string> = new Set(["resource_exhausted", "deadline_exceeded", "aborted", "canceled"]);

const GRAVITY = ["refused", "silent", "unable"] as const;

export class Connections {
  readonly #shown: readonly ShownHead[];
  readonly #others: readonly LogClient[];
  readonly #options: ProofOptions;
  readonly #known = new Map<string, Promise<Connection>>();

  /** `others` showed nothing in this round; they are asked last. */
  constructor(shown: readonly ShownHead[], others: readonly LogClient[], options: ProofOptions) {
    this.#shown = shown;
    this.#others = others;
    this.#options = options;
  }

  /** Whether the smaller head grew into the larger one; with `undefined`, whether the other checks by itself. */
  connect(a: LogHead | undefined, b: LogHead): Promise<Connection> {
    const [from, to] = a !== undefined && a.treeSize > b.treeSize ? [b, a] : [a, b];
    const id = `${from === undefined ? "" : idOf(from)} ${idOf(to)}`;
    let known = this.#known.get(id);
    if (known === undefined) this.#known.set(id, (known = this.#connect(from, to)));
    return known;
  }

  async #connect(from: LogHead | undefined, to: LogHead): Promise<Connection> {
    const having = this.#shown.filter(({ head }) => head.treeSize >= to.treeSize);
    having.sort((a, b) => Number(sameHead(b.head, to)) - Number(sameHead(a.head, to)));
    const lacking = this.#shown.filter((one) => !having.includes(one)).map((one) => one.from);
    const failed: Unconnected[] = [];
    for (const { from: at } of having) {
      const growth = await at.checkGrowth(from, to, this.#options);
      if (growth.kind === "consistent" || growth.kind === "contradiction") return growth;
      failed.push({
        kind: "unconnected",
        from,
        to,
        cause: isSilence(growth) ? "silent" : "refused",
        why: growth.why,
        at,
      });
    }
    for (const at of [...this.#others, ...lacking]) {
      const growth = await at.checkGrowth(from, to, this.#options);
      if (growth.kind === "consistent" || growth.kind === "contradiction") return growth;
      failed.push({ kind: "unconnected", from, to, cause: "unable", why: growth.why, at });
    }
    return (
      gravest(failed) ?? { kind: "unconnected", from, to, cause: "unable", why: "nobody can be asked", at: undefined }
    );
  }
}

/** The one that most needs a person. */
export function gravest(links: readonly Unconnected[]): Unconnected | undefined {
  return GRAVITY.flatMap((cause) => links.filter((link) => link.cause === cause))[0];
}

/** Equal for heads that say the same. */
export function idOf(head: LogHead): string {
  return toHex(headPreimage(head));
}

function isSilence(growth: Exclude<GrowthResult, { kind: "consistent" | "contradiction" }>): boolean {
  return growth.kind === "unreachable" || (growth.kind === "refused" && BUSY.has(growth.code));
}
