/**
 * Decisions, kept while they hold: a decided one until a head or the policy changes, or as long as it says itself; an
 * undecided one for some seconds. Who asks for the same path at once shares one decision. Never rejects: what goes wrong is
 * an undecided answer.
 */
import { toHex } from "@trustix/crypto";
import type { PolicyMode } from "@trustix/decider";
import { hashPartOf, type SignedFacts, type StorePath } from "@trustix/nix-formats";
import { BytesLru } from "../bytes-lru.ts";
import { deadline, unlessAborted } from "../http/deadline.ts";
import type { MadeReceipt } from "../receipts/receipt-folder.ts";
import { factsOfValue } from "./facts.ts";
import type { ProxyDecision, ProxyOptions, ProxyLimits, ProxyVote } from "./model.ts";

export type Judgement = {
  readonly storePath: StorePath;
  readonly reason: string;
  readonly votes: readonly ProxyVote[];
  readonly mode: PolicyMode;
  readonly letThrough: boolean;
  /** Gives the receipt to whoever asks first, and frees its memory. */
  readonly takeReceipt: () => MadeReceipt | undefined;
} & (
  | {
      readonly state: "decided";
      readonly facts: SignedFacts;
      /** Milliseconds since 1970 up to which time alone does not undo it. */
      readonly until: number;
    }
  | { readonly state: "undecided" }
);

interface Kept {
  readonly judgement: Judgement;
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

type Options = Pick<ProxyOptions, "crypto" | "decide" | "generation" | "clock" | "log">;

export class Decisions {
  readonly #options: Options;
  readonly #limits: ProxyLimits;
  readonly #kept: BytesLru<Kept>;
  readonly #asking = new Map<string, Promise<Judgement>>();

  constructor(options: Options, limits: ProxyLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#kept = new BytesLru(limits.cacheBytes);
  }

  /** Within the budget for decisions, and as long again as the policy waits. */
  judge(storePath: StorePath): Promise<Judgement> {
    const { clock, generation } = this.#options;
    // Read before asking: a head that changes meanwhile makes the answer old, not new.
    const now = generation();
    const kept = this.#kept.get(storePath);
    if (kept !== undefined && kept.generation === now && kept.until > clock.now()) {
      return Promise.resolve(kept.judgement);
    }
    const asking = this.#asking.get(storePath) ?? this.#ask(storePath, now);
    this.#asking.set(storePath, asking);
    return asking;
  }

  async #ask(storePath: StorePath, asked: number): Promise<Judgement> {
    const { clock } = this.#options;
    try {
      const { judgement, receiptBytes } = await this.#decide(storePath);
      const decided = judgement.state === "decided";
      const until = decided ? judgement.until : clock.now() + this.#limits.undecided;
      const references = decided ? judgement.facts.references.length : 0;
      const bytes = 400 + 200 * judgement.votes.length + 160 * references + receiptBytes;
      this.#kept.set(storePath, { judgement, generation: asked, until }, bytes);
      return judgement;
    } finally {
      this.#asking.delete(storePath);
    }
  }

  async #decide(storePath: StorePath): Promise<{ judgement: Judgement; receiptBytes: number }> {
    const { crypto, clock, decide, log } = this.#options;
    const limit = deadline(clock, this.#limits.decideBudget + this.#limits.waitBudget);
    try {
      const decision = await unlessAborted(limit.signal, decide(storePath, limit.signal));
      const verdict = decision.state === "decided" ? toHex(crypto.sha256(decision.value)) : "undecided";
      const { receipt } = decision;
      const made = receipt === undefined ? undefined : { verdict, file: receipt };
      return { judgement: judgementOf(storePath, decision, made), receiptBytes: receipt?.length ?? 0 };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error({ path: storePath, hashPart: hashPartOf(storePath), why }, "no decision could be had");
      const reason = `no decision could be had: ${why}`;
      return {
        judgement: judgementOf(storePath, { state: "undecided", reason, votes: [] }, undefined),
        receiptBytes: 0,
      };
    } finally {
      limit.settle();
    }
  }
}

/** Throws for a value that is no claim about the path. */
function judgementOf(storePath: StorePath, decision: ProxyDecision, made: MadeReceipt | undefined): Judgement {
  const { reason, votes, mode = "enforce", letThrough = false } = decision;
  let receipt = made;
  const takeReceipt = (): MadeReceipt | undefined => {
    const taken = receipt;
    receipt = undefined;
    return taken;
  };
  const common = { storePath, reason, votes, mode, letThrough, takeReceipt };
  if (decision.state === "undecided") return { ...common, state: "undecided" };
  const facts = factsOfValue(storePath, decision.value);
  return { ...common, state: "decided", facts, until: decision.until ?? Number.POSITIVE_INFINITY };
}
