/** Decisions by the policy of a protocol: kept while nothing changed that they depend on, and explained on demand. */
import type { Crypto } from "@trustix/crypto";
import type { Policy, Sandbox } from "@trustix/decider";
import type { CacheVoters, LogHead, LogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, Decide, Follower, LogReader, Mirror, Values } from "../model.ts";
import { decideMany } from "./decide-many.ts";
import { DecidedCache } from "./decided-cache.ts";
import { explain } from "./explain.ts";
import { makeDecision, type DecisionParts, type MadeDecision } from "./make-decision.ts";
import { ValueSource } from "./value-source.ts";

export interface DecideOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly policies: readonly Policy[];
  readonly follower: Pick<Follower, "vote" | "value" | "against" | "whyNoHead" | "headSeenAt"> & { revision(): number };
  /** Followed logs that are copied here. */
  readonly mirror: Mirror;
  readonly builders: Pick<Builders, "excluded" | "revision">;
  /** Voters that are no logs; `undefined`: none is configured. */
  readonly caches?: Pick<CacheVoters, "has" | "vote"> | undefined;
  /** Published logs of this node. */
  readonly own: readonly LogReader[];
  readonly values: Values;
  /** Runs `javascript` rules. */
  readonly sandbox: Sandbox | undefined;
  /** Milliseconds for all votes, and again for the value. Default 2000. */
  readonly budgetMs?: number | undefined;
}

export const DEFAULT_BUDGET_MS = 2_000;
/** Between two looks at what has changed, while an undecided answer is waited for. */
const WAIT_STEP_MS = 1_000;

export function createDecide(options: DecideOptions): Decide {
  const { clock, follower, mirror, builders } = options;
  const own = new Map<LogId, LogReader>(options.own.map((reader) => [reader.info.id, reader]));
  const source = new ValueSource(options);
  const budgetMs = options.budgetMs ?? DEFAULT_BUDGET_MS;
  const parts: DecisionParts = { ...options, caches: options.caches, own, source, budgetMs };
  const cache = new DecidedCache();

  const revision = (): number => follower.revision() + mirror.revision() + builders.revision();

  /** Asks again until it is decided, for as long as the policy waits; whoever only looks on never waits. */
  async function decided(
    policy: Policy,
    key: Uint8Array,
    waitUntil: number | undefined,
    signal: AbortSignal,
  ): Promise<MadeDecision> {
    const waits = waitUntil !== undefined && policy.undecided === "wait" && policy.mode !== "observe";
    // The last look may take its budget for votes and for values.
    const latest = (waitUntil ?? 0) - 2 * parts.budgetMs - WAIT_STEP_MS;
    const until = waits ? Math.min(clock.now() + policy.waitBudgetMs, latest) : 0;
    for (;;) {
      const made = await makeDecision(parts, policy, key, { every: true, signal });
      const left = until - clock.now();
      if (made.outcome.decision !== undefined || left <= 0 || signal.aborted) return made;
      await pause(clock, Math.min(left, WAIT_STEP_MS), signal);
    }
  }

  return {
    async decide(protocol, key, signal) {
      const policy = policyOf(options.policies, protocol);
      const ownHeads = await Promise.all(options.own.map(ownHead));
      cache.enter({ revision: revision(), ownHeads: ownHeads.filter((head) => head !== undefined) });
      const { under } = cache;
      const id = `${policy.protocol.id} ${Buffer.from(key).toString("latin1")}`;
      const known = cache.get(id, clock.now());
      if (known !== undefined) return known;
      const { report, until } = await makeDecision(parts, policy, key, { every: false, signal });
      // Made while heads changed: right for whoever asked, but not to be kept.
      if (revision() === under.revision) cache.keep(id, report, under, until);
      return report;
    },
    async explain(protocol, key, { waitUntil, signal }) {
      return explain(parts, await decided(policyOf(options.policies, protocol), key, waitUntil, signal));
    },
    async decideMany(protocol, keys, limits) {
      return decideMany(parts, policyOf(options.policies, protocol), keys, limits);
    },
  };
}

/** Throws `not_found`, `bad_config`. */
function policyOf(policies: readonly Policy[], protocol: string): Policy {
  const policy = policies.find((one) => one.protocol.id === protocol || one.protocol.name === protocol);
  if (policy === undefined) {
    const known = policies.map((one) => one.protocol.name).join(", ");
    throw new NodeError("not_found", `no deciders for protocol ${JSON.stringify(protocol.slice(0, 80))}`, {
      hint: known === "" ? "configure [[decider.NAME]]" : `configured are: ${known}`,
    });
  }
  if (policy.rules.length === 0) {
    throw new NodeError("bad_config", `protocol ${policy.protocol.name} has no deciders`, {
      hint: `configure [[decider.${policy.protocol.name}]]`,
    });
  }
  return policy;
}

/** `undefined` for a log that cannot be read: its vote will say so. */
async function ownHead(reader: LogReader): Promise<LogHead | undefined> {
  try {
    return await reader.head();
  } catch {
    return undefined;
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(ms, end);
    signal.addEventListener("abort", end);
  });
}
