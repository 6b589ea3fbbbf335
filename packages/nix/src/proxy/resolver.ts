/**
 * From a hash part to what is served. The path's full name comes from a mirrored log, else from an upstream's narinfo,
 * where it is only a hint: the vote is on the name, and a made-up one finds no votes. Upstreams and voters are asked at the
 * same time; the first upstream that has the decided bytes is enough.
 *
 *     path known ------> decide ---------------------> facts --> first lookup with these facts --> served
 *     path unknown ----> each lookup's path, decide --/               none --> no-source
 *
 * A lookup of what is content-addressed is served without any vote, as soon as it comes. Where the policy lets the upstream's
 * own answer through, that is the first lookup that a key configured for its upstream signed.
 */
import {
  formatContentAddress,
  hashPartOf,
  parseStorePath,
  verifiedSignatures,
  type ContentAddress,
  type NarInfo,
  type SignedFacts,
  type StorePath,
} from "@trustix/nix-formats";
import { unlessAborted, deadline } from "../http/deadline.ts";
import type { Decisions, Judgement } from "./decisions.ts";
import { hasNarOf, sameFacts } from "./facts.ts";
import type { ProxyLimits, ProxyOptions } from "./model.ts";
import { compressionOf } from "./nar-name.ts";
import { provenContent } from "./proven-content.ts";
import { isServed, type Refused, type Resolution, type Served, type Source } from "./resolution.ts";
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
      const path = known ?? (await this.pathOf(hashPart));
      if (path === undefined) return await this.#resolveByHints(lookups);
      const byVote = this.#options.decisions.judge(path).then((judgement) => this.#judged(judgement, lookups));
      return await firstServed(this.#byContent(lookups), byVote);
    } finally {
      this.#resolving.delete(hashPart);
    }
  }

  /** Where a log that is copied here has it; rejects never. */
  async pathOf(hashPart: string): Promise<StorePath | undefined> {
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

  /** Each path that an upstream names is voted on, unless its content proves it; the first that is served wins. */
  async #resolveByHints(lookups: readonly Promise<Lookup>[]): Promise<Resolution> {
    const seen = new Set<StorePath>();
    const refusals: Refused[] = [];
    const silent: string[] = [];
    for await (const lookup of inOrderOfArrival(lookups)) {
      const { info, error } = lookup;
      if (error !== undefined && error.kind !== "absent") silent.push(error.message);
      const proven = await this.#proven(lookup, lookups);
      if (proven !== undefined) return proven;
      if (info === undefined || seen.has(info.storePath)) continue;
      seen.add(info.storePath);
      const resolution = await this.#judged(await this.#options.decisions.judge(info.storePath), lookups);
      if (isServed(resolution)) return resolution;
      refusals.push(resolution);
    }
    const first = refusals[0];
    if (first !== undefined) return { ...first, reason: refusals.map((refusal) => refusal.reason).join("; ") };
    const reason = ["no upstream names a path with this hash part", ...silent].join("; ");
    return { outcome: "unknown", storePath: undefined, reason, votes: [] };
  }

  async #byContent(lookups: readonly Promise<Lookup>[]): Promise<Served | undefined> {
    for await (const lookup of inOrderOfArrival(lookups)) {
      const proven = await this.#proven(lookup, lookups);
      if (proven !== undefined) return proven;
    }
    return undefined;
  }

  async #proven({ info }: Lookup, lookups: readonly Promise<Lookup>[]): Promise<Served | undefined> {
    const content = info && provenContent(this.#options.proxy.crypto, info);
    if (info === undefined || content === undefined) return undefined;
    const facts = factsOf(info);
    const source = await firstOf(this.sources(facts, lookups));
    return source === undefined ? undefined : byContent(content, facts, source);
  }

  async #judged(judgement: Judgement, lookups: readonly Promise<Lookup>[]): Promise<Resolution> {
    const { storePath, reason, votes, letThrough } = judgement;
    const through = letThrough ? await this.#letThrough(judgement, lookups) : undefined;
    if (through !== undefined) return through;
    if (judgement.state === "undecided") {
      judgement.takeReceipt();
      const why = letThrough ? `${reason}; and no upstream has it signed by a key configured for it` : reason;
      return { outcome: "undecided", storePath, reason: why, votes };
    }
    const { facts, mode, until, takeReceipt } = judgement;
    const source = await firstOf(this.sources(facts, lookups));
    if (source === undefined) {
      takeReceipt();
      const why = `${reason}, but ${await this.#whyNoSource(facts, lookups)}`;
      return { outcome: "no-source", storePath, reason: why, votes };
    }
    // The same whichever was known first, the vote or the upstream's answer.
    const content = provenContent(this.#options.proxy.crypto, source.info);
    if (content !== undefined) return byContent(content, factsOf(source.info), source);
    return {
      outcome: "decided",
      facts,
      content: undefined,
      mode,
      vote: "agrees",
      reason,
      votes,
      source,
      until,
      takeReceipt,
    };
  }

  /** The first upstream whose own key signed its narinfo. */
  async #letThrough(judgement: Judgement, lookups: readonly Promise<Lookup>[]): Promise<Served | undefined> {
    const { proxy, limits } = this.#options;
    const { storePath, reason, votes, mode, takeReceipt } = judgement;
    for await (const { info, upstream } of inOrderOfArrival(lookups)) {
      if (info === undefined || info.storePath !== storePath) continue;
      if (verifiedSignatures(proxy.crypto, upstream.publicKeys, info, info.signatures).length === 0) continue;
      const facts = factsOf(info);
      const source = await firstOf(this.sources(facts, lookups));
      if (source === undefined) continue;
      const decided = judgement.state === "decided";
      return {
        outcome: "let-through",
        facts,
        content: undefined,
        mode,
        vote: !decided ? "undecided" : sameFacts(judgement.facts, facts) ? "agrees" : "differs",
        reason,
        votes,
        source,
        until: decided ? judgement.until : proxy.clock.now() + limits.undecided,
        takeReceipt,
      };
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

function factsOf({ storePath, narHash, narSize, references }: NarInfo): SignedFacts {
  return { storePath, narHash, narSize, references };
}

function byContent(content: ContentAddress, facts: SignedFacts, source: Source): Served {
  return {
    outcome: "content-addressed",
    facts,
    content,
    mode: "enforce",
    vote: "not asked",
    reason: `its name is the address of its content, ${formatContentAddress(content)}`,
    votes: [],
    source,
    until: Number.POSITIVE_INFINITY,
    takeReceipt: () => undefined,
  };
}

/** Whichever serves it; what the vote says, if neither does. */
function firstServed(byContent: Promise<Served | undefined>, byVote: Promise<Resolution>): Promise<Resolution> {
  return Promise.race([
    byContent.then((served) => served ?? byVote),
    byVote.then((resolution) => (isServed(resolution) ? resolution : byContent.then((served) => served ?? resolution))),
  ]);
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
