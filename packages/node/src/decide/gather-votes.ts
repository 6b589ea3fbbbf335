/**
 * One vote from each configured voter, all at once, within a budget. A voter that has not answered by then is
 * unreachable: it costs the budget, never more, and still counts.
 */
import type { LogId, LogHead, Vote } from "@trustix/protocol";
import type { Clock, Follower, LogReader } from "../model.ts";

/** A reason of ours: making the default one, an error with its stack, is the dearest part of an abort. */
const OVER = "the budget is over";

export interface Voters {
  readonly ids: readonly LogId[];
  /** Logs of this node vote without the network. */
  readonly own: ReadonlyMap<LogId, LogReader>;
  readonly follower: Pick<Follower, "vote">;
  /** Told each vote when it comes. */
  readonly onVote?: (vote: Vote) => void;
}

/** In the order of `voters.ids`. Never throws; ends early, with what there is, when `signal` is aborted. */
export async function gatherVotes(
  voters: Voters,
  key: Uint8Array,
  limits: { readonly budgetMs: number; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Vote[]> {
  const stop = new AbortController();
  const votes = new Map<LogId, Vote>();
  const all = Promise.all(
    voters.ids.map(async (logId) => {
      const own = voters.own.get(logId);
      const vote = await (own === undefined ? voters.follower.vote(logId, key, stop.signal) : ownVote(own, key));
      votes.set(logId, vote);
      voters.onVote?.(vote);
    }),
  );
  await new Promise<void>((resolve) => {
    const end = (): void => {
      budget.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const budget = limits.clock.after(limits.budgetMs, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
    all.then(end, end);
  });
  if (votes.size < voters.ids.length) stop.abort(OVER);
  const late = signal.aborted ? "the decision was given up" : `no answer within ${limits.budgetMs} ms`;
  return voters.ids.map(
    (logId) => votes.get(logId) ?? { logId, outcome: "unreachable", digest: undefined, reason: late },
  );
}

async function ownVote(reader: LogReader, key: Uint8Array): Promise<Vote> {
  const logId = reader.info.id;
  try {
    const head: LogHead = await reader.head();
    const { entry } = await reader.mapValue(key, head.mapRoot);
    return entry === undefined
      ? { logId, outcome: "absent", digest: undefined, reason: "" }
      : { logId, outcome: "claims", digest: entry.digest, reason: "" };
  } catch (error) {
    const reason = `this node cannot read its own log: ${error instanceof Error ? error.message : String(error)}`;
    return { logId, outcome: "unverifiable", digest: undefined, reason };
  }
}
