/**
 * Decisions, kept while they hold: a decided one until a head or the policy changes, an undecided one for some seconds.
 * Who asks for the same path at once shares one decision. Never rejects: what goes wrong is an undecided answer.
 */
import { hashPartOf, type SignedFacts, type StorePath } from "@trustix/nix-formats";
import { BytesLru } from "../bytes-lru.ts";
import { deadline, unlessAborted } from "../http/deadline.ts";
import { factsOfValue } from "./facts.ts";
import type { ProxyDecision, ProxyOptions, ProxyLimits, ProxyVote } from "./model.ts";

export type Judgement =
  | {
      readonly state: "decided";
      readonly facts: SignedFacts;
      readonly reason: string;
      readonly votes: readonly ProxyVote[];
    }
  | (Extract<ProxyDecision, { state: "undecided" }> & { readonly storePath: StorePath });

interface Kept {
  readonly judgement: Judgement;
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export class Decisions {
  readonly #options: Pick<ProxyOptions, "decide" | "generation" | "clock" | "log">;
  readonly #limits: ProxyLimits;
  readonly #kept: BytesLru<Kept>;
  readonly #asking = new Map<string, Promise<Judgement>>();

  constructor(options: Pick<ProxyOptions, "decide" | "generation" | "clock" | "log">, limits: ProxyLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#kept = new BytesLru(limits.cacheBytes);
  }

  /** Within the budget for decisions. */
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
      const judgement = await this.#decide(storePath);
      const decided = judgement.state === "decided";
      const until = decided ? Number.POSITIVE_INFINITY : clock.now() + this.#limits.undecided;
      const bytes = 400 + 200 * judgement.votes.length + (decided ? 160 * judgement.facts.references.length : 0);
      this.#kept.set(storePath, { judgement, generation: asked, until }, bytes);
      return judgement;
    } finally {
      this.#asking.delete(storePath);
    }
  }

  async #decide(storePath: StorePath): Promise<Judgement> {
    const { clock, decide, log } = this.#options;
    const limit = deadline(clock, this.#limits.decideBudget);
    try {
      const decision = await unlessAborted(limit.signal, decide(storePath, limit.signal));
      if (decision.state === "undecided") return { ...decision, storePath };
      const facts = factsOfValue(storePath, decision.value);
      return { state: "decided", facts, reason: decision.reason, votes: decision.votes };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error({ path: storePath, hashPart: hashPartOf(storePath), why }, "no decision could be had");
      return { state: "undecided", storePath, reason: `no decision could be had: ${why}`, votes: [] };
    } finally {
      limit.settle();
    }
  }
}
