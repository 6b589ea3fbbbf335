/**
 * Decisions over remotes on loopback: real nodes in one process of their own, real HTTP, proofs checked, the value
 * fetched. Each decision is of a key not asked before, so nothing comes out of a cache.
 */
import { fork } from "node:child_process";
import { utf8 } from "@trustix/crypto";
import { httpTransport } from "@trustix/client";
import { POLICY_DEFAULTS } from "@trustix/decider";
import { nodeCrypto } from "@trustix/node-crypto";
import { TEST, logIdOf, type LogInfo } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { pino } from "pino";
import { DEFAULT_LIMITS } from "../packages/node/src/config/limits.ts";
import { createDecide } from "../packages/node/src/decide/index.ts";
import { openLogReader } from "../packages/node/src/logs/log-reader.ts";
import { MapRoots } from "../packages/node/src/logs/map-roots.ts";
import { PublishedLog } from "../packages/node/src/logs/published-log.ts";
import { registerLogs } from "../packages/node/src/logs/register-logs.ts";
import { openAllValues, openValues } from "../packages/node/src/logs/values.ts";
import type { Clock } from "../packages/node/src/model.ts";
import { openPublisher } from "../packages/node/src/publisher/publisher.ts";
import { defaultOptions, startServer } from "../packages/node/src/server/index.ts";
import { openFollower } from "../packages/node/src/subscriber/index.ts";
import { median, report } from "./figure.ts";
import {
  NO_DECISIONS,
  NO_EVIDENCE,
  NO_MIRROR,
  NO_RECEIPTS,
  NO_SIMULATION,
  NO_STANDING,
} from "../packages/node/test/idle-parts.ts";

const NAMES = ["mercury", "venus", "saturn", "mars", "jupiter"];
const KEYS = 1_000;
const ROUNDS = 5;

const crypto = nodeCrypto();
const clock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
const unused = (): never => {
  throw new Error("not part of this bench");
};

interface Identity {
  readonly seed: Uint8Array;
  readonly info: LogInfo;
}

/** The same in both processes. */
function identity(name: string): Identity {
  const seed = crypto.sha256(utf8(`bench ${name}`));
  const publicKey = crypto.ed25519PublicKey(seed);
  return { seed, info: { id: logIdOf(crypto, { protocol: TEST, publicKey }), protocol: TEST, publicKey, meta: {} } };
}

/** The child: a node for each log, as the daemon puts it together, with a store in memory. */
async function serve(): Promise<void> {
  const urls: string[] = [];
  for (const name of NAMES) {
    const { seed, info } = identity(name);
    const store = openMemoryStore();
    const published = new PublishedLog(info, (await registerLogs(store, [info])).get(info.id)!);
    const publisher = await openPublisher({ store, crypto, clock, published, seed, marker: undefined });
    await publisher.submit(
      Array.from({ length: KEYS }, (_, i) => ({ key: utf8(`key ${i}`), value: utf8(`value ${i}`) })),
    );
    await publisher.flush();
    const reader = openLogReader({ reads: store, crypto, published, roots: new MapRoots(store, published) });
    const parts = {
      crypto,
      clock,
      limits: DEFAULT_LIMITS,
      version: "bench",
      published: new Map([[info.id, { name, reader, publisher }]]),
      values: openValues(store, crypto),
      allValues: openAllValues(store, crypto),
      caches: [],
      follower: { logs: () => [], pollNow: unused, vote: unused, value: unused, seenHeads: unused, close: unused },
      evidence: NO_EVIDENCE,
      namesOf: () => [],
      mirror: NO_MIRROR,
      builders: NO_STANDING,
      policies: [],
      decide: NO_DECISIONS,
      simulate: NO_SIMULATION,
      receipts: NO_RECEIPTS,
      configuration: { file: "trustix.toml", readAt: 0 },
      generation: () => "bench",
      tokens: { get: () => undefined, list: () => [], add: unused, revoke: unused },
      signedCalls: { checkTime: unused, take: unused },
    };
    const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    const server = await startServer(parts, [defaultOptions(address)], pino({ level: "silent" }));
    urls.push(server.urls[0]!);
  }
  process.send!(urls);
  process.on("disconnect", () => process.exit());
}

async function measure(urls: readonly string[], count: number, callers: number): Promise<number> {
  const logs = NAMES.slice(0, count).map(identity);
  const voters = logs.map(({ info }, i) => ({ logId: info.id, name: NAMES[i]! }));
  const follower = await openFollower({
    crypto,
    store: openMemoryStore(),
    evidence: NO_EVIDENCE,
    clock,
    random: () => 0.5,
    logs: logs.map(({ info }, i) => ({ info, name: NAMES[i]! })),
    remotes: urls.slice(0, count).map((url) => httpTransport(url)),
  });
  await follower.pollNow();
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const decide = createDecide({
      crypto,
      clock,
      policies: [
        {
          ...POLICY_DEFAULTS,
          protocol: TEST,
          rules: [{ engine: "quorum", threshold: count, voters: undefined }],
          voters,
        },
      ],
      follower,
      mirror: NO_MIRROR,
      builders: NO_STANDING,
      own: [],
      values: { getMany: async (digests) => digests.map(() => undefined) },
      sandbox: undefined,
    });
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < KEYS) {
        const answer = await decide.decide("test", utf8(`key ${next++}`), new AbortController().signal);
        if (answer.decision?.confidence !== 100) throw new Error(`undecided: ${answer.reason}`);
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: callers }, caller));
    // The first round warms up connections and the compiler.
    if (round > 0) rates.push(KEYS / ((performance.now() - started) / 1000));
  }
  await follower.close();
  return median(rates);
}

if (process.send !== undefined) {
  await serve();
} else {
  const child = fork(new URL(import.meta.url));
  const urls = await new Promise<string[]>((resolve) => child.once("message", (sent) => resolve(sent as string[])));
  for (const [count, callers] of [
    [1, 1],
    [5, 1],
    [5, 4],
  ] as const) {
    report({
      name: `decide, light, ${count} remote${count === 1 ? "" : "s"}, ${callers} caller${callers === 1 ? "" : "s"}`,
      value: await measure(urls, count, callers),
      unit: "decisions/s",
      better: "more",
      ...(count === 5 && callers === 1 && { target: 700 }),
      how: `${KEYS} keys not asked before over real nodes (stores in memory) in one other process, value fetched, median of ${ROUNDS}`,
    });
  }
  child.disconnect();
}
