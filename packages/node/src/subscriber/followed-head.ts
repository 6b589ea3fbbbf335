/**
 * The head that is held of one followed log, and the judge of every head that comes.
 *
 * Heads are judged one at a time, in the order they come. A larger one is held once both trees are shown to have grown
 * from the held one, and only after it is stored. An equal one must be the same, a smaller one must be an older form of
 * the held one: a replica that lags is no liar. Two signed heads that contradict each other are kept as evidence, the
 * held head stays, and nothing more is taken from that log: its key signs lies.
 */
import type { Contradiction, GrowthResult, LogClient } from "@trustix/client";
import { describeContradiction, sameHead } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import { headPreimage } from "@trustix/protocol";
import type { LogHead, LogInfo } from "@trustix/protocol";
import type { Clock } from "../model.ts";
import type { RememberedLog, RememberedLogs } from "./remembered-logs.ts";

export type Verdict =
  /** Now held. */
  | { readonly kind: "taken" }
  /** The one that is held. */
  | { readonly kind: "held" }
  /** An older form of the held one. */
  | { readonly kind: "behind" }
  /** Signed, and not shown to fit; says nothing about the log. `older`: smaller than the held one. */
  | { readonly kind: "unproved"; readonly why: string; readonly reached: boolean; readonly older: boolean }
  /** Proof that the log's key signed two things that exclude each other. */
  | { readonly kind: "contradiction"; readonly why: string };

export interface JudgeOptions {
  readonly signal: AbortSignal;
  /** Milliseconds for each call that a proof takes. */
  readonly timeoutMs: number;
}

/** Smaller heads that were found to fit, or were held once, are not proved again at each poll. */
const KNOWN_OLDER = 64;

export class FollowedHead {
  readonly info: LogInfo;
  readonly #memory: RememberedLogs;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #olderForms = new Set<string>();
  #held: LogHead | undefined;
  #seenAt: number | undefined;
  #against: { readonly why: string; readonly time: number } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** `changed` is called whenever votes may come out differently from now on. */
  constructor(info: LogInfo, known: RememberedLog, memory: RememberedLogs, clock: Clock, changed: () => void) {
    this.info = info;
    this.#memory = memory;
    this.#clock = clock;
    this.#changed = changed;
    this.#held = known.held?.head;
    this.#seenAt = known.held?.time;
    if (known.against !== undefined) {
      this.#against = { why: describeContradiction(known.against.evidence), time: known.against.time };
    }
  }

  get held(): LogHead | undefined {
    return this.#held;
  }

  /** When a head equal to or newer than the held one last came. */
  get seenAt(): number | undefined {
    return this.#seenAt;
  }

  /** Why nothing is taken from this log any more; `undefined` while it is trusted to keep one history. */
  get against(): { readonly why: string; readonly time: number } | undefined {
    return this.#against;
  }

  /**
   * Judges a validly signed head. `from` is the remote it came from; `others` may prove what that one cannot, as a
   * replica that lags cannot prove how it grew.
   */
  judge(head: LogHead, from: LogClient, others: readonly LogClient[], options: JudgeOptions): Promise<Verdict> {
    const verdict = this.#queue.then(() => this.#judge(head, from, others, options));
    this.#queue = verdict.catch(() => undefined);
    return verdict;
  }

  async #judge(head: LogHead, from: LogClient, others: readonly LogClient[], options: JudgeOptions): Promise<Verdict> {
    if (this.#against !== undefined) return { kind: "contradiction", why: this.#against.why };
    const held = this.#held;
    if (held !== undefined && sameHead(held, head)) {
      this.#seenAt = this.#clock.now();
      return { kind: "held" };
    }
    if (held === undefined || head.treeSize >= held.treeSize) {
      const growth = await from.checkGrowth(held, head, options);
      if (growth.kind !== "consistent") return this.#refuse(growth);
      const now = this.#clock.now();
      await this.#memory.keepHead(this.info, head, now);
      if (held !== undefined) this.#rememberOlder(held);
      this.#held = head;
      this.#seenAt = now;
      this.#changed();
      return { kind: "taken" };
    }
    if (this.#olderForms.has(idOf(head))) return { kind: "behind" };
    let growth: GrowthResult | undefined;
    for (const client of [...others, from]) {
      growth = await client.checkGrowth(head, held, options);
      if (growth.kind === "consistent" || growth.kind === "contradiction") break;
    }
    if (growth?.kind !== "consistent") {
      const verdict = await this.#refuse(growth!);
      if (verdict.kind !== "unproved") return verdict;
      const sizes = `its head of size ${head.treeSize} is behind the held ${held.treeSize}`;
      return { ...verdict, older: true, why: `${sizes}, and not shown to fit: ${verdict.why}` };
    }
    this.#rememberOlder(head);
    return { kind: "behind" };
  }

  #rememberOlder(head: LogHead): void {
    if (this.#olderForms.size >= KNOWN_OLDER) this.#olderForms.clear();
    this.#olderForms.add(idOf(head));
  }

  async #refuse(
    growth: Exclude<GrowthResult, { kind: "consistent" }>,
  ): Promise<Extract<Verdict, { kind: "unproved" | "contradiction" }>> {
    if (growth.kind !== "contradiction") {
      return { kind: "unproved", why: growth.why, reached: growth.kind !== "unreachable", older: false };
    }
    await this.#convict(growth.evidence);
    return { kind: "contradiction", why: growth.why };
  }

  async #convict(evidence: Contradiction): Promise<void> {
    const time = this.#clock.now();
    await this.#memory.keepEvidence(this.info, evidence, time);
    this.#against = { why: describeContradiction(evidence), time };
    this.#changed();
  }
}

function idOf(head: LogHead): string {
  return toHex(headPreimage(head));
}
