/**
 * Decisions: votes of every configured log, the rules of their protocol, the value behind the decided digest.
 *
 * Nothing counts here that was not proved, and nobody is left out of N: a log that is down, lying or excluded has a vote
 * that claims nothing. The value returned has the decided digest, wherever it came from.
 */
import type { Crypto } from "@trustix/crypto";
import { toHex } from "@trustix/crypto";
import { comparesFacts, decide, opinionsOf } from "@trustix/decider";
import type { Opinions, Policy, Sandbox } from "@trustix/decider";
import type { LogHead, LogId, Vote } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, Decide, DecideReport, Follower, LogReader, Mirror, Values } from "../model.ts";
import { DecidedCache } from "./decided-cache.ts";
import { ClaimedValues } from "./claimed-values.ts";
import { gatherVotes } from "./gather-votes.ts";
import { agesSince, staleIfOld } from "./head-age.ts";
import { ValueSource } from "./value-source.ts";

export interface DecideOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly policies: readonly Policy[];
  readonly follower: Pick<Follower, "vote" | "value" | "against" | "headSeenAt"> & { revision(): number };
  /** Followed logs that are copied here. */
  readonly mirror: Mirror;
  readonly builders: Pick<Builders, "excluded" | "revision">;
  /** Published logs of this node. */
  readonly own: readonly LogReader[];
  readonly values: Values;
  /** Runs `javascript` rules. */
  readonly sandbox: Sandbox | undefined;
  /** Milliseconds for all votes, and again for the value. Default 2000. */
  readonly budgetMs?: number | undefined;
}

interface Made {
  readonly report: DecideReport;
  /** Milliseconds since 1970 up to which time alone does not undo it. */
  readonly until: number;
}

const AS_CLAIMED: Opinions = { opinions: new Map(), values: new Map() };

export const DEFAULT_BUDGET_MS = 2_000;

export function createDecide(options: DecideOptions): Decide {
  const { clock, crypto, follower, mirror, builders, sandbox } = options;
  const budgetMs = options.budgetMs ?? DEFAULT_BUDGET_MS;
  const own = new Map<LogId, LogReader>(options.own.map((reader) => [reader.info.id, reader]));
  const cache = new DecidedCache();
  const source = new ValueSource(options);

  const revision = (): number => follower.revision() + mirror.revision() + builders.revision();

  async function decideNow(policy: Policy, key: Uint8Array, signal: AbortSignal): Promise<Made> {
    const ids = policy.voters.map(({ logId }) => logId);
    const facts = comparesFacts(policy.protocol);
    const claimed = new ClaimedValues(source, facts);
    const end = (): void => claimed.end();
    signal.addEventListener("abort", end);
    try {
      const voters = { crypto, ids, own, mirror, follower, onVote: (vote: Vote) => claimed.sawVote(vote) };
      const cast = await gatherVotes(voters, key, { budgetMs, clock }, signal);
      if (signal.aborted) throw new NodeError("deadline", "the decision was given up by whoever asked");
      const time = clock.now();
      const votes = cast.map(({ vote }) => current(vote, policy, time));
      const { opinions, values } = facts ? opinionsOf(crypto, key, await claimed.all(clock, budgetMs)) : AS_CLAIMED;
      const { decision, reason } = decide({ policy, key, votes, opinions, time, sandbox });
      if (decision === undefined) return undecided(votes, reason);
      const { digest, confidence, logIds, by } = decision;
      const value = values.get(toHex(digest)) ?? (await claimed.of(digest, clock, budgetMs));
      if (value === undefined)
        return undecided(votes, `${reason}; but nobody could deliver the value ${toHex(digest)}`);
      const ends = by.kind === "exception" ? by.exception.expires : Infinity;
      const until = Math.min(ends, ...logIds.map((id) => ageLimit(id, policy)));
      return { report: { decision: { digest, value, confidence, logIds }, votes, reason }, until };
    } finally {
      claimed.end();
      signal.removeEventListener("abort", end);
    }
  }

  /** The vote, if whoever casts it counts and its head is young enough. */
  function current(vote: Vote, { maxHeadAgeMs }: Policy, time: number): Vote {
    const { logId } = vote;
    const excluded = vote.outcome === "excluded" ? undefined : builders.excluded(logId);
    if (excluded !== undefined) return { logId, outcome: "excluded", digest: undefined, reason: excluded };
    return maxHeadAgeMs === undefined ? vote : staleIfOld(vote, options, maxHeadAgeMs, time);
  }

  /** When the voter's head will be too old. */
  function ageLimit(logId: LogId, { maxHeadAgeMs }: Policy): number {
    return maxHeadAgeMs === undefined ? Infinity : (agesSince(options, logId) ?? Infinity) + maxHeadAgeMs;
  }

  return {
    async decide(protocol, key, signal) {
      const policy = options.policies.find((one) => one.protocol.id === protocol || one.protocol.name === protocol);
      if (policy === undefined) {
        const known = options.policies.map((one) => one.protocol.name).join(", ");
        throw new NodeError("not_found", `no deciders for protocol ${JSON.stringify(protocol.slice(0, 80))}`, {
          hint: known === "" ? "configure [[decider.NAME]]" : `configured are: ${known}`,
        });
      }
      if (policy.rules.length === 0) {
        throw new NodeError("bad_config", `protocol ${policy.protocol.name} has no deciders`, {
          hint: `configure [[decider.${policy.protocol.name}]]`,
        });
      }
      const ownHeads = await Promise.all(options.own.map(ownHead));
      cache.enter({ revision: revision(), ownHeads: ownHeads.filter((head) => head !== undefined) });
      const { under } = cache;
      const id = `${policy.protocol.id} ${Buffer.from(key).toString("latin1")}`;
      const known = cache.get(id, clock.now());
      if (known !== undefined) return known;
      const { report, until } = await decideNow(policy, key, signal);
      // Made while heads changed: right for whoever asked, but not to be kept.
      if (revision() === under.revision) cache.keep(id, report, under, until);
      return report;
    },
  };
}

function undecided(votes: readonly Vote[], reason: string): Made {
  return { report: { decision: undefined, votes, reason }, until: 0 };
}

/** `undefined` for a log that cannot be read: its vote will say so. */
async function ownHead(reader: LogReader): Promise<LogHead | undefined> {
  try {
    return await reader.head();
  } catch {
    return undefined;
  }
}
