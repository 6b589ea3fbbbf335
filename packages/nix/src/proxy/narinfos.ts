/**
 * Answers to `<hash part>.narinfo`, kept ready to send while the decision behind them holds. Looking into a path also
 * starts on its references, because the client will ask for them next.
 */
import { hashPartOf, type SignedFacts, type StorePath } from "@trustix/nix-formats";
import { BytesLru } from "../bytes-lru.ts";
import { decisionHeader, DECISION_HEADER, describeVotes } from "./decision-header.ts";
import type { ProxyMetrics } from "./metrics.ts";
import type { ProxyLimits, ProxyOptions } from "./model.ts";
import { renderNarInfo } from "./render-narinfo.ts";
import { isServed, type Refused, type Resolution, type Served } from "./resolution.ts";
import type { Resolver } from "./resolver.ts";

export interface NarInfoAnswer {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | number>>;
}

interface Ready {
  readonly answer: NarInfoAnswer;
  readonly generation: number;
  readonly until: number;
}

export interface NarInfosOptions {
  readonly proxy: Pick<ProxyOptions, "crypto" | "clock" | "log" | "signingKey" | "generation" | "receipts">;
  readonly limits: ProxyLimits;
  readonly resolver: Resolver;
  readonly metrics: ProxyMetrics;
  /** Called with every path that is newly served. */
  readonly onServed: (facts: SignedFacts) => void;
}

export class NarInfos {
  readonly #options: NarInfosOptions;
  readonly #ready: BytesLru<Ready>;
  /** When a refusal was last written to the log, so that a client that insists does not fill it. */
  readonly #logged: BytesLru<number>;

  constructor(options: NarInfosOptions) {
    this.#options = options;
    this.#ready = new BytesLru(options.limits.cacheBytes);
    this.#logged = new BytesLru(options.limits.cacheBytes / 16);
  }

  /** The answer, if it is ready to send. */
  ready(hashPart: string): NarInfoAnswer | undefined {
    const { clock, generation } = this.#options.proxy;
    const ready = this.#ready.get(hashPart);
    if (ready === undefined) return undefined;
    if (ready.generation === generation() && ready.until > clock.now()) return ready.answer;
    this.#ready.delete(hashPart);
    return undefined;
  }

  /** Never rejects. */
  async answer(hashPart: string, known?: StorePath): Promise<NarInfoAnswer | Refused> {
    const { generation, crypto, signingKey, clock } = this.#options.proxy;
    const asked = generation();
    const resolution = await this.resolve(hashPart, known);
    if (!isServed(resolution)) return resolution;
    const body = Buffer.from(renderNarInfo(crypto, signingKey, resolution));
    const answer: NarInfoAnswer = {
      body,
      headers: {
        "content-type": "text/x-nix-narinfo",
        "content-length": body.length,
        [DECISION_HEADER]: decisionHeader(resolution),
      },
    };
    const until = Math.min(resolution.until, clock.now() + this.#options.limits.narinfoAge);
    this.#ready.set(hashPart, { answer, generation: asked, until }, body.length + 600);
    this.#options.onServed(resolution.facts);
    return answer;
  }

  /** The resolution behind an answer, logged and counted, its receipt kept. Never rejects. */
  async resolve(hashPart: string, known?: StorePath): Promise<Resolution> {
    const { clock, receipts } = this.#options.proxy;
    const start = clock.now();
    const resolution = await this.#options.resolver.resolve(hashPart, known);
    this.#options.metrics.path(resolution.outcome, (clock.now() - start) / 1000);
    if (!isServed(resolution)) this.#logRefusal(hashPart, resolution);
    else {
      if (resolution.outcome === "let-through") this.#letThrough(hashPart, resolution);
      const receipt = resolution.takeReceipt();
      if (receipt !== undefined) receipts?.keep(resolution.facts.storePath, receipt);
    }
    return resolution;
  }

  /** Forgets the answer: its source turned out not to deliver. */
  forget(facts: SignedFacts): void {
    this.#ready.delete(hashPartOf(facts.storePath));
  }

  /** Whether to write to the log about this path now. */
  #mayLog(hashPart: string): boolean {
    const { clock } = this.#options.proxy;
    const last = this.#logged.get(hashPart);
    if (last !== undefined && clock.now() - last < this.#options.limits.undecided) return false;
    this.#logged.set(hashPart, clock.now(), 8);
    return true;
  }

  #letThrough(hashPart: string, served: Served): void {
    const { log } = this.#options.proxy;
    const { mode, vote, reason, votes, facts, source } = served;
    this.#options.metrics.letThrough(mode, vote);
    if (vote === "agrees" || !this.#mayLog(hashPart)) return;
    const fields = { outcome: served.outcome, mode, vote, hashPart, path: facts.storePath, reason, votes };
    const said = `${reason}: ${describeVotes(votes)}`;
    const where = `what ${source.upstream.label} signed is served`;
    if (vote === "differs") log.warn(fields, `the voters decided other bytes of ${facts.storePath}: ${said}; ${where}`);
    // Whoever only looks on, or trusts the upstream by rule, wants a record and no alarm.
    else if (mode === "warn")
      log.warn(
        fields,
        `undecided, and served nevertheless: ${facts.storePath}: ${said}; ${where}, see /explain/${hashPart}`,
      );
    else log.info(fields, `undecided: ${facts.storePath}: ${said}; ${where}`);
  }

  #logRefusal(hashPart: string, refusal: Refused): void {
    const { log } = this.#options.proxy;
    if (!this.#mayLog(hashPart)) return;
    const { outcome, storePath, reason, votes } = refusal;
    const fields = { outcome, hashPart, path: storePath, reason, votes };
    // Everything that a client builds itself is asked for and unknown: no refusal.
    if (outcome === "unknown") log.debug(fields, `not served: ${hashPart}: ${reason}`);
    else log.warn(fields, `refused ${storePath}: ${reason}: ${describeVotes(votes)}`);
  }
}
