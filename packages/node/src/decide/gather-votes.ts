/**
 * One vote from each configured voter, all at once, within a budget. A voter that has not answered by then is
 * unreachable: it costs the budget, never more, and still counts.
 */
import type { Crypto } from "@trustix/crypto";
import {
  type CacheVoters,
  type LogId,
  type SeenClaim,
  type Testimony,
  type Vote,
  type VoteOutcome,
  mapPath,
} from "@trustix/protocol";
import type { Clock, Follower, LogReader, Mirror } from "../model.ts";
import { mirrorVotes } from "./mirror-votes.ts";

/** A reason of ours: making the default one, an error with its stack, is the dearest part of an abort. */
const OVER = "the budget is over";

/** A vote, and what shows it. */
export interface CastVote extends Testimony {
  /** What a binary cache claims, and when that was seen; there for its claims only. */
  readonly claim?: SeenClaim | undefined;
}

export interface Voters {
  readonly crypto: Crypto;
  readonly ids: readonly LogId[];
  /** Logs of this node vote without the network. */
  readonly own: ReadonlyMap<LogId, LogReader>;
  /** Logs that are copied here do as well. */
  readonly mirror: Mirror;
  readonly follower: Pick<Follower, "vote" | "against" | "whyNoHead">;
  /** Voters that are no logs. */
  readonly caches: Pick<CacheVoters, "has" | "vote"> | undefined;
  /** Told each vote when it comes. `value`: what is claimed, where that came with the claim. */
  readonly onVote?: (vote: Vote, value: Uint8Array | undefined) => void;
}

interface Limits {
  readonly budgetMs: number;
  readonly clock: Clock;
}

/**
 * In the order of `voters.ids`, each with what shows it if it was asked of others; of logs that are here, whoever wants
 * the proof makes it from them. Never throws; ends early, with what there is, when `signal` is aborted.
 */
export async function gatherVotes(
  voters: Voters,
  key: Uint8Array,
  limits: Limits,
  signal: AbortSignal,
): Promise<CastVote[]> {
  const { own, mirror, follower, caches, crypto } = voters;
  const votes = new Map<LogId, CastVote>();
  const isCache = (id: LogId): boolean => caches !== undefined && caches.has(id);
  const cast = (one: CastVote): void => {
    votes.set(one.vote.logId, one);
    voters.onVote?.(one.vote, one.claim?.value);
  };
  const copied = voters.ids.filter((id) => mirror.has(id) && !own.has(id));
  const catchUp = (ids: readonly LogId[]): Promise<void> => caughtUp(mirror, ids, limits, signal);
  const path = mapPath(crypto, key);
  const ofCopies = mirrorVotes(mirror, follower, copied, path, catchUp);
  const here = [
    ofCopies.then((some) => some.forEach((vote) => cast({ vote, proof: undefined }))),
    ...voters.ids.flatMap((id) => own.get(id) ?? []).map(async (reader) => cast(await ownVote(reader, path))),
  ];
  const asksCaches = voters.ids.some(isCache);
  const asked = voters.ids.filter((id) => !own.has(id) && !mirror.has(id) && !isCache(id));
  // Whoever is here answers at once, and a copy's wait for a newer head is bounded by itself.
  if (!asksCaches && asked.length === 0) await Promise.all(here);
  else {
    const stop = new AbortController();
    const others = [
      asksCaches ? caches!.vote(key, cast, stop.signal) : undefined,
      ...asked.map(async (logId) => cast(await follower.vote(logId, key, stop.signal))),
    ];
    await within(limits, signal, Promise.all([...here, ...others]));
    if (votes.size < voters.ids.length) stop.abort(OVER);
  }
  const late = signal.aborted ? "the decision was given up" : `no answer within ${limits.budgetMs} ms`;
  return voters.ids.map((logId) => votes.get(logId) ?? noVote(logId, "unreachable", late));
}

/** Until `all` is settled, the budget is over, or `signal` is aborted. Never rejects. */
function within({ budgetMs, clock }: Limits, signal: AbortSignal, all: Promise<unknown>): Promise<void> {
  return new Promise<void>((resolve) => {
    const end = (): void => {
      budget.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const budget = clock.after(budgetMs, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
    all.then(end, end);
  });
}

/** For half the budget: what is known by then is a vote as well. */
async function caughtUp(
  mirror: Mirror,
  ids: readonly LogId[],
  { budgetMs, clock }: Limits,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort(OVER);
  const limit = clock.after(budgetMs / 2, end);
  if (signal.aborted) end();
  else signal.addEventListener("abort", end);
  await mirror.caughtUp(ids, stop.signal);
  signal.removeEventListener("abort", end);
  limit.cancel();
}

async function ownVote(reader: Pick<LogReader, "info" | "claims">, path: Uint8Array): Promise<Testimony> {
  const logId = reader.info.id;
  try {
    const [entry] = await reader.claims([path]);
    const vote: Vote = { logId, outcome: entry === undefined ? "absent" : "claims", digest: entry?.digest, reason: "" };
    return { vote, proof: undefined };
  } catch (error) {
    const reason = `this node cannot read its own log: ${error instanceof Error ? error.message : String(error)}`;
    return noVote(logId, "unverifiable", reason);
  }
}

function noVote(logId: LogId, outcome: VoteOutcome, reason: string): Testimony {
  return { vote: { logId, outcome, digest: undefined, reason }, proof: undefined };
}
