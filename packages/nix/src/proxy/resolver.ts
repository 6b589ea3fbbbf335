/**
 * From a hash part to what is served. The path's full name comes from a mirrored log, else from an upstream's narinfo,
 * where it is only a hint: the vote is on the name, and a made-up one finds no votes. Upstreams and voters are asked at the
 * same time; the first upstream that has the decided bytes is enough.
 *
 *     path known ------> decide ---------------------> facts --> first lookup with these facts --> served
 *     path unknown ----> each lookup's path, decide --/               none --> no-source
 */
import { hashPartOf, parseStorePath, verifiedSignatures, type SignedFacts, type StorePath } from "@trustix/nix-formats";
import { unlessAborted, deadline } from "../http/deadline.ts";
import type { Decisions, Judgement } from "./decisions.ts";
import { hasNarOf } from "./facts.ts";
import type { ProxyLimits, ProxyOptions, ProxyVote } from "./model.ts";
import { compressionOf } from "./nar-name.ts";
import type { Refused, Resolution, Source } from "./resolution.ts";
import type { SourceRecord } from "./source-record.ts";
import type { Lookup, Upstream } from "./upstream.ts";

export interface ResolverOptions {
  readonly proxy: Pick<ProxyOptions, "crypto" | "clock" | "log" | "pathByHashPart">;
  readonly limits: ProxyLimits;
  readonly upstreams: readonly Upstream[];
  readonly decisions: Decisions;
  readonly record: SourceRecord;
  /** Whether a compressed form can be checked here. */
  readonly canDecode: (source: Source) => boolean;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #resolving = new Map<string, Promise<Resolution>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Never rejects. `known` is the path where the caller has it from a decided claim. */
  resolve(hashPart: string, known?: StorePath): Promise<Resolution> {
    const resolving = this.#resolving.get(hashPart) ?? this.#resolve(hashPart, known);
    this.#resolving.set(hashPart, resolving);
    return resolving;
  }

  async #resolve(hashPart: string, known: StorePath | undefined): Promise<Resolution> {
    try {
      const lookups = this.#options.upstreams.map((upstream) => upstream.lookUp(hashPart));
      const path = known ?? (await this.#pathOf(hashPart));
      if (path !== undefined) return await this.#judged(await this.#options.decisions.judge(path), lookups);
      return await this.#resolveByHints(lookups);
    } finally {
      this.#resolving.delete(hashPart);
    }
  }

  async #pathOf(hashPart: string): Promise<StorePath | undefined> {
    const { clock, log, pathByHashPart } = this.#options.proxy;
    if (pathByHashPart === undefined) return undefined;
    const limit = deadline(clock, this.#options.limits.decideBudget);
    try {
      const text = await unlessAborted(limit.signal, pathByHashPart(hashPart));
      if (text === undefined) return undefined;
      const path = parseStorePath(text);
      return hashPartOf(path) === hashPart ? path : undefined;
    } catch (error) {
      log.error({ hashPart, why: String(error) }, "the path of a hash part could not be had");
      return undefined;
    } finally {
      limit.settle();
    }
  }

  /** Each path that an upstream names is voted on; the first that is served wins. */
  async #resolveByHints(lookups: readonly Promise<Lookup>[]): Promise<Resolution> {
    const seen = new Set<StorePath>();
    const refusals: Refused[] = [];
    const silent: string[] = [];
    for await (const { info, error } of inOrderOfArrival(lookups)) {
      if (error !== undefined && error.kind !== "absent") silent.push(error.message);
      if (info === undefined || seen.has(info.storePath)) continue;
      seen.add(info.storePath);
      const resolution = await this.#judged(await this.#options.decisions.judge(info.storePath), lookups);
      if ("facts" in resolution) return resolution;
      refusals.push(resolution);
    }
    const first = refusals[0];
    if (first !== undefined) return { ...first, reason: refusals.map((refusal) => refusal.reason).join("; ") };
    const reason = ["no upstream names a path with this hash part", ...silent].join("; ");
    return { outcome: "unknown", storePath: undefined, reason, votes: [] };
  }

  async #judged(judgement: Judgement, lookups: readonly Promise<Lookup>[]): Promise<Resolution> {
    if (judgement.state === "undecided") {
      const letThrough = judgement.letThrough === true ? await this.#letThrough(judgement, lookups) : undefined;
      if (letThrough !== undefined) return letThrough;
      const { storePath, reason, votes } = judgement;
      return { outcome: "undecided", storePath, reason, votes };
    }
    const { facts, reason, votes } = judgement;
    const source = await firstOf(this.sources(facts, lookups));
    if (source !== undefined) return { outcome: "decided", facts, reason, votes, source };
    const why = `${reason}, but ${await this.#whyNoSource(facts, lookups)}`;
    return { outcome: "no-source", storePath: facts.storePath, reason: why, votes };
  }

  /** The first upstream whose own key signed its narinfo. */
  async #letThrough(
    judgement: { storePath: StorePath; reason: string; votes: readonly ProxyVote[] },
    lookups: readonly Promise<Lookup>[],
  ): Promise<Resolution | undefined> {
    for await (const { info, upstream } of inOrderOfArrival(lookups)) {
      if (info === undefined || info.storePath !== judgement.storePath) continue;
      if (verifiedSignatures(this.#options.proxy.crypto, upstream.publicKeys, info, info.signatures).length === 0)
        continue;
      const { storePath, narHash, narSize, references } = info;
      const facts = { storePath, narHash, narSize, references };
      const source = await firstOf(this.sources(facts, lookups));
      if (source === undefined) continue;
      return { outcome: "let-through", facts, reason: judgement.reason, votes: judgement.votes, source };
    }
    return undefined;
  }

  /** Files with the NAR of these facts, as upstreams answer; those that failed lately come last, wrong ones never. */
  async *sources(facts: SignedFacts, lookups?: readonly Promise<Lookup>[]): AsyncGenerator<Source> {
    const { record, upstreams, canDecode, limits } = this.#options;
    if (facts.narSize > limits.narBytes) return;
    const demoted: Source[] = [];
    const hashPart = hashPartOf(facts.storePath);
    for await (const { upstream, info } of inOrderOfArrival(lookups ?? upstreams.map((u) => u.lookUp(hashPart)))) {
      const compression = info && compressionOf(info.compression);
      if (info === undefined || compression === undefined || !hasNarOf(facts, info)) continue;
      const source = { upstream, info, compression };
      if (!canDecode(source) || record.isCondemned(facts, source)) continue;
      if (record.isDemoted(facts, source)) demoted.push(source);
      else yield source;
    }
    yield* demoted;
  }

  async #whyNoSource(facts: SignedFacts, lookups: readonly Promise<Lookup>[]): Promise<string> {
    const { narBytes } = this.#options.limits;
    if (facts.narSize > narBytes) return `its NAR has ${facts.narSize} bytes, at most ${narBytes} are served`;
    const found = await Promise.all(lookups);
    const said = found.map(({ upstream, info, error }) => {
      if (info === undefined) return `${upstream.label} ${error.kind}`;
      return `${upstream.label} ${hasNarOf(facts, info) ? "sent wrong bytes or a form not understood" : "has others"}`;
    });
    return `no upstream has these bytes${said.length === 0 ? "" : ` (${said.join(", ")})`}`;
  }
}

async function firstOf<T>(items: AsyncGenerator<T>): Promise<T | undefined> {
  const { value, done } = await items.next();
  return done === true ? undefined : value;
}

/** Results as they come; of those that are there already, in the order of the list. The promises must not reject. */
async function* inOrderOfArrival<T>(promises: readonly Promise<T>[]): AsyncGenerator<T> {
  const waiting = new Map(promises.map((promise, i) => [i, promise.then((value) => ({ i, value }))]));
  while (waiting.size > 0) {
    const { i, value } = await Promise.race(waiting.values());
    waiting.delete(i);
    yield value;
  }
}
