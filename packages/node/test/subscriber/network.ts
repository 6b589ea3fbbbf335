/** A follower over remotes in memory, with a clock that stands still. */
import { nodeCrypto } from "@trustix/node-crypto";
import type { LogId, Testimony, Vote } from "@trustix/protocol";
import { utf8 } from "@trustix/crypto";
import { openMemoryStore } from "@trustix/storage";
import type { Store } from "@trustix/storage";
import { FakeClock, FakeLog, type FakeNode } from "@trustix/testkit";
import { onTestFinished } from "vitest";
import type { EvidenceStore, FollowedLog, KeptEvidence, Reachability } from "../../src/model.ts";
import { openEvidence } from "../../src/evidence/index.ts";
import { openFollower } from "../../src/subscriber/index.ts";
import type { CacheableFollower, FollowerEvent, FollowerOptions } from "../../src/subscriber/index.ts";

export const crypto = nodeCrypto();

export interface Network {
  readonly follower: CacheableFollower;
  readonly clock: FakeClock;
  readonly events: FollowerEvent[];
  readonly store: Store;
  readonly evidence: EvidenceStore;
  /** Proofs, as they were kept. */
  readonly proofs: KeptEvidence[];
  log(log: FakeLog): FollowedLog;
  /** States of the remotes for a log, in order. */
  states(log: FakeLog): Reachability["state"][];
  vote(log: FakeLog, key: string, signal?: AbortSignal): Promise<Vote>;
  testimony(log: FakeLog, key: string, signal?: AbortSignal): Promise<Testimony>;
}

/** Opens a follower and lets its first polls run. Closed when the test ends. */
export async function follow(
  logs: readonly FakeLog[],
  nodes: readonly FakeNode[],
  options: Partial<FollowerOptions> = {},
): Promise<Network> {
  const clock = new FakeClock();
  const store = options.store ?? openMemoryStore();
  const events: FollowerEvent[] = [];
  const proofs: KeptEvidence[] = [];
  const evidence = openEvidence({ store, crypto, clock, isConfigured: () => true });
  evidence.onKept((kept) => proofs.push(kept));
  const follower = await openFollower({
    crypto,
    store,
    evidence,
    clock,
    random: () => 0.5,
    logs: logs.map((log, i) => ({ info: log.info, name: `log ${i}` })),
    remotes: nodes.map((node) => node.transport()),
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => follower.close());
  await clock.advance(0);
  const testimony: Network["testimony"] = (log, key, signal = new AbortController().signal) =>
    follower.vote(log.info.id, utf8(key), signal);
  const find = (log: FakeLog): FollowedLog => follower.logs().find(({ info }) => info.id === log.info.id)!;
  return {
    follower,
    clock,
    events,
    store,
    evidence,
    proofs,
    log: find,
    states: (log) => find(log).remotes.map(({ reachability }) => reachability.state),
    vote: async (...asked) => (await testimony(...asked)).vote,
    testimony,
  };
}

/** A log with some heads; equal names are the same key. */
export function grown(name: string, flushes: number): FakeLog {
  const log = new FakeLog(crypto, name);
  for (let i = 0; i < flushes; i++) log.publish([`a${i}`, `value a${i}`], [`b${i}`, `value b${i}`]);
  return log;
}

export function unknownLog(): LogId {
  return new FakeLog(crypto, "nobody follows this").info.id;
}
