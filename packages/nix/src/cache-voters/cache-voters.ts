/**
 * Binary caches that vote, all together: whose claim a narinfo is can only be said of what all of them said. What is
 * remembered is not asked for; what is new is judged with it, kept, and then a vote.
 */
import {
  hashPartBytes,
  hashPartOf,
  NixFormatError,
  parseNarInfo,
  parseStorePath,
  type StorePath,
} from "@trustix/nix-formats";
import type { CachePlace, CacheVote, CacheVoters, KeptVoice, LogId, VoiceUpdate, VoteOutcome } from "@trustix/protocol";
import { utf8Text } from "@trustix/crypto";
import { unlessAborted } from "../http/deadline.ts";
import { judgeVoices, type Judged } from "./judge-voices.ts";
import type { CacheVotersOptions } from "./model.ts";
import type { VoterKey } from "./read-answer.ts";
import { Recheck } from "./recheck.ts";
import { Voices, type NewAnswer, type Voice } from "./voices.ts";
import { VotingCache, type Asked, type Refusal } from "./voting-cache.ts";

/** What was made of a path: what each cache claims, and why those that were asked and have nothing do not. */
interface Look {
  readonly judged: readonly Judged[];
  readonly refusals: ReadonlyMap<LogId, Refusal>;
}

/** Throws `TypeError` for a place that is no http(s) URL. */
export function createCacheVoters(options: CacheVotersOptions): CacheVoters {
  return new AskedCaches(options);
}

class AskedCaches implements CacheVoters {
  readonly #options: CacheVotersOptions;
  readonly #keys: readonly VoterKey[];
  readonly #caches: ReadonlyMap<LogId, VotingCache>;
  readonly #recheck: Recheck;
  readonly #looking = new Map<StorePath, Promise<Look>>();
  /** Reading, adding and keeping of one path are one step: each waits for the one before. */
  readonly #busy = new Map<StorePath, Promise<unknown>>();

  constructor(options: CacheVotersOptions) {
    this.#options = options;
    this.#keys = options.voters.flatMap(({ id, publicKeys }) => publicKeys.map((key) => ({ ...key, voter: id })));
    this.#caches = new Map(options.voters.map((voter) => [voter.id, new VotingCache(voter, this.#keys, options)]));
    this.#recheck = new Recheck({ clock: options.clock, ask: (voter, path) => this.#askAgain(voter, path) });
  }

  has(id: LogId): boolean {
    return this.#caches.has(id);
  }

  places(id: LogId): readonly CachePlace[] {
    return this.#caches.get(id)?.places() ?? [];
  }

  async vote(key: Uint8Array, cast: (vote: CacheVote) => void, signal: AbortSignal): Promise<void> {
    const done = new Set<LogId>();
    const castOnce = (judged: Judged, refusal: Refusal | undefined): void => {
      if (done.has(judged.voter) || signal.aborted) return;
      done.add(judged.voter);
      cast(voteOf(judged, refusal));
    };
    try {
      const path = parseStorePath(utf8Text(key));
      const voices = await this.#recall(path);
      const judged = judgeVoices(this.#options.voters, voices);
      const toAsk = this.#toAsk(path, voices);
      for (const one of judged) if (one.isSettled && !toAsk.includes(one.voter)) castOnce(one, undefined);
      const look = toAsk.length === 0 ? undefined : await unlessAborted(signal, this.#look(path, toAsk));
      for (const one of look?.judged ?? judged) castOnce(one, look?.refusals.get(one.voter));
    } catch (error) {
      if (signal.aborted) return;
      const isBadKey = error instanceof NixFormatError || error instanceof TypeError;
      if (!isBadKey) this.#options.onFault(error);
      const reason = isBadKey ? "this is no store path" : `this node cannot use what it remembers: ${messageOf(error)}`;
      for (const { id } of this.#options.voters)
        castOnce(nothing(id), { outcome: "unverifiable", reason, isAnswer: false });
    }
  }

  async review(signal: AbortSignal): Promise<void> {
    for await (const kept of this.#options.memory.all()) {
      signal.throwIfAborted();
      const path = pathOf(kept);
      if (path !== undefined) await this.#alone(path, async () => this.#keep(path, await this.#recall(path)));
    }
  }

  async close(): Promise<void> {
    const asked = this.#recheck.close();
    await Promise.all([...this.#caches.values()].map((cache) => cache.close()));
    await asked;
    await Promise.allSettled(this.#looking.values());
    await Promise.allSettled(this.#busy.values());
  }

  async #recall(path: StorePath): Promise<Voices> {
    return Voices.read(this.#options.crypto, this.#keys, path, await this.#options.memory.recall(path));
  }

  /** Of whom nothing is known, or nothing young enough; who is only due is asked in the background. */
  #toAsk(path: StorePath, voices: Voices): LogId[] {
    const { voters, clock, maxAgeMs = Infinity } = this.#options;
    const now = clock.now();
    return voters.flatMap(({ id, recheckAfterMs, negativeMs }) => {
      const { own, claim, checkedAt } = voices.of(id);
      const known = claim ?? own;
      if (known === undefined) return [id];
      if (now - known.confirmedAt > maxAgeMs) {
        // One that was asked just now, and no longer says it, would not say it at once either.
        const saidOtherwise = checkedAt > known.confirmedAt && now - checkedAt < negativeMs;
        return saidOtherwise ? [] : [id];
      }
      const askedAt = Math.max(known.confirmedAt, checkedAt);
      if (now - askedAt > recheckAfterMs * spread(path)) this.#recheck.add(id, path);
      return [];
    });
  }

  /** Asks these caches, and keeps what is new. Whoever looks at the path meanwhile shares it. */
  #look(path: StorePath, toAsk: readonly LogId[]): Promise<Look> {
    const looking = this.#looking.get(path) ?? this.#lookNow(path, toAsk).finally(() => this.#looking.delete(path));
    this.#looking.set(path, looking);
    return looking;
  }

  async #lookNow(path: StorePath, toAsk: readonly LogId[]): Promise<Look> {
    const asked = await Promise.all(toAsk.map(async (id) => [id, await this.#caches.get(id)!.ask(path)] as const));
    const judged = await this.#add(path, asked);
    const refusals = asked.flatMap(([id, { refusal }]) => (refusal === undefined ? [] : [[id, refusal] as const]));
    return { judged, refusals: new Map(refusals) };
  }

  async #askAgain(id: LogId, path: StorePath): Promise<boolean> {
    try {
      const asked = await this.#caches.get(id)!.askAll(path);
      await this.#add(path, [[id, asked]]);
      return asked.refusal?.isAnswer ?? true;
    } catch (error) {
      this.#options.onFault(error);
      return false;
    }
  }

  #add(path: StorePath, asked: readonly (readonly [LogId, Asked])[]): Promise<readonly Judged[]> {
    return this.#alone(path, async () => {
      const voices = await this.#recall(path);
      const now = this.#options.clock.now();
      const heard: NewAnswer[] = [];
      for (const [id, { answers, refusal }] of asked) {
        // A first refusal is no reason to keep anything.
        const isKnown = voices.of(id).own !== undefined || voices.of(id).claim !== undefined;
        if (refusal === undefined || (refusal.isAnswer && isKnown)) voices.checked(id, now);
        heard.push(...answers.map((answer) => ({ host: id, answer })));
      }
      voices.add(heard, now);
      return voices.changed().size === 0 ? judgeVoices(this.#options.voters, voices) : this.#keep(path, voices);
    });
  }

  /** Everybody's voice: what one cache said changes what counts of another. */
  async #keep(path: StorePath, voices: Voices): Promise<readonly Judged[]> {
    const judged = judgeVoices(this.#options.voters, voices);
    const updates = judged.map(({ voter, claim, counts }): VoiceUpdate => {
      return { voter, voice: keptOf(voices.of(voter)), claim: claim && { value: claim.value, counts } };
    });
    await this.#options.memory.keep(path, updates, voices.seconds());
    return judged;
  }

  #alone<T>(path: StorePath, step: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(path) ?? Promise.resolve();
    const mine = before.then(step, step).finally(() => {
      if (this.#busy.get(path) === mine) this.#busy.delete(path);
    });
    this.#busy.set(path, mine);
    return mine;
  }
}

function voteOf({ voter, claim, counts, reason }: Judged, refusal: Refusal | undefined): CacheVote {
  const none = (outcome: VoteOutcome, why: string): CacheVote => {
    const vote = { logId: voter, outcome, digest: undefined, reason: why };
    return { vote, proof: undefined, claim: undefined };
  };
  if (claim === undefined) {
    if (reason !== "") return none("unverifiable", reason);
    return refusal === undefined ? none("unreachable", "it was not asked") : none(refusal.outcome, refusal.reason);
  }
  if (!counts) return none("unverifiable", reason);
  const { value, narInfo, firstSeen, confirmedAt } = claim;
  const vote = { logId: voter, outcome: "claims", digest: claim.digest, reason } as const;
  return { vote, proof: { kind: "narinfo", narInfo }, claim: { value, firstSeen, confirmedAt } };
}

function nothing(voter: LogId): Judged {
  return { voter, claim: undefined, counts: false, isSettled: false, reason: "" };
}

function keptOf({ own, claim, checkedAt, changedAt }: Voice): KeptVoice {
  const kept = (answer: Voice["own"]) =>
    answer && { narInfo: answer.narInfo, firstSeen: answer.firstSeen, confirmedAt: answer.confirmedAt };
  return { own: kept(own), claim: kept(claim), checkedAt, changedAt };
}

/** Of what is kept of one path. */
function pathOf(kept: ReadonlyMap<LogId, KeptVoice>): StorePath | undefined {
  for (const { own, claim } of kept.values()) {
    const narInfo = own?.narInfo ?? claim?.narInfo;
    if (narInfo !== undefined) return parseNarInfo(narInfo).storePath;
  }
  return undefined;
}

/** 0.9 to 1.1, another for each path: a closure that came in one minute is not asked for again in one. */
function spread(path: StorePath): number {
  return 0.9 + (0.2 * hashPartBytes(hashPartOf(path))[0]!) / 255;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
