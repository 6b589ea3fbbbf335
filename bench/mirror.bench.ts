/**
 * The first copy of a log of a million entries, values included, from a node of ours over loopback: as the daemon puts
 * follower and mirror together, embedded stores on both sides. The node is a process of its own on the same cores, and at rest when it is asked.
 */
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { NIX, logIdOf, type LogInfo } from "@trustix/protocol";
import { openEmbeddedStore } from "@trustix/storage";
import { pino } from "pino";
import { DEFAULT_LIMITS } from "../packages/node/src/config/limits.ts";
import { openLogReader } from "../packages/node/src/logs/log-reader.ts";
import { MapRoots } from "../packages/node/src/logs/map-roots.ts";
import { openStore } from "../packages/node/src/open-store.ts";
import { PublishedLog } from "../packages/node/src/logs/published-log.ts";
import { registerLogs } from "../packages/node/src/logs/register-logs.ts";
import { openAllValues, openValues } from "../packages/node/src/logs/values.ts";
import { openMirror } from "../packages/node/src/mirror/index.ts";
import type { Clock } from "../packages/node/src/model.ts";
import { openPublisher } from "../packages/node/src/publisher/publisher.ts";
import { defaultOptions, startServer } from "../packages/node/src/server/index.ts";
import { openFollower } from "../packages/node/src/subscriber/index.ts";
import { report } from "./figure.ts";
import {
  NO_DECISIONS,
  NO_EVIDENCE,
  NO_MIRROR,
  NO_RECEIPTS,
  NO_SIMULATION,
  NO_STANDING,
} from "../packages/node/test/idle-parts.ts";

const ENTRIES = Number(process.env["ENTRIES"] ?? 1_000_000);

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
const seed = crypto.sha256(utf8("bench mirror"));
const publicKey = crypto.ed25519PublicKey(seed);
const info: LogInfo = { id: logIdOf(crypto, { protocol: NIX, publicKey }), protocol: NIX, publicKey, meta: {} };

/** A claim as the hook makes them: 90 bytes of key, 330 of value. */
function claim(i: number): { key: Uint8Array; value: Uint8Array } {
  const hash = i.toString(2).padStart(32, "0");
  const path = `/nix/store/${hash}-package-with-a-usual-name-${i % 977}.${i % 13}`;
  const references = [path, `/nix/store/${hash}-glibc-2.40-66`, `/nix/store/${hash}-bash-5.2p37`];
  const narHash = `sha256-${Buffer.from(crypto.sha256(utf8(path))).toString("base64")}`;
  return { key: utf8(path), value: utf8(JSON.stringify({ path, narHash, narSize: 1000 + i, references })) };
}

async function serve(): Promise<void> {
  const store = await openEmbeddedStore(process.env["FOLDER"]!);
  const published = new PublishedLog(info, (await registerLogs(store, [info])).get(info.id)!);
  const limits = { flushAtItems: 1 << 30, flushEveryMs: 1 << 30, maxWaitingItems: 1 << 30 };
  const publisher = await openPublisher({ store, crypto, clock, published, seed, marker: undefined, limits });
  for (let at = 0; at < ENTRIES; at += 10_000) {
    await publisher.submit(Array.from({ length: Math.min(10_000, ENTRIES - at) }, (_, i) => claim(at + i)));
    await publisher.flush();
  }
  await atRest();
  const reader = openLogReader({ reads: store, crypto, published, roots: new MapRoots(store, published) });
  const server = await startServer(
    {
      crypto,
      clock,
      limits: DEFAULT_LIMITS,
      version: "bench",
      published: new Map([[info.id, { name: "bench", reader, publisher }]]),
      values: openValues(store, crypto),
      allValues: openAllValues(store, crypto),
      caches: [],
      follower: { logs: () => [], value: unused, seenHeads: unused },
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
    },
    [defaultOptions({ kind: "tcp", host: "127.0.0.1", port: 0 })],
    pino({ level: "silent" }),
  );
  process.on("message", () => process.exit(0));
  process.send!(server.urls[0]);
}

/** Until the store has put in order what was just written: somebody who is asked for a whole log did not make it this minute. */
async function atRest(): Promise<void> {
  for (;;) {
    const before = process.cpuUsage();
    await new Promise((done) => setTimeout(done, 1000));
    const { user, system } = process.cpuUsage(before);
    if (user + system < 50_000) return;
  }
}

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "trustix-bench-"));
  const child = fork(import.meta.filename, [], {
    env: { ...process.env, SERVE: "1", FOLDER: join(folder, "node") },
    execArgv: [],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (message) => resolve(message as string));
    child.once("exit", () => reject(new Error("the node ended")));
  });
  const store = await openStore("native", join(folder, "mirror"), false);
  const keys = (await registerLogs(store, [info])).get(info.id)!;
  const base = memory();
  const peak = { ...base };
  const watch = setInterval(() => {
    const { own, resident } = memory();
    peak.own = Math.max(peak.own, own);
    peak.resident = Math.max(peak.resident, resident);
  }, 100);
  const start = performance.now();
  const transport = httpTransport(url);
  const follower = await openFollower({
    crypto,
    store,
    evidence: NO_EVIDENCE,
    clock,
    random: Math.random,
    logs: [{ info, name: "bench" }],
    remotes: [transport],
  });
  const served = Promise.withResolvers<void>();
  const mirror = await openMirror({
    crypto,
    store,
    clock,
    follower,
    logs: [{ info, keys, eager: true }],
    onEvent: (event) => {
      if (event.kind === "served" && event.head.treeSize === ENTRIES) served.resolve();
      else if (event.kind === "progress")
        process.stderr.write(`${event.entries} of ${event.target}, ${event.rate.toFixed(0)}/s\n`);
      else if (event.kind !== "served") process.stderr.write(`${JSON.stringify(event)}\n`);
    },
  });
  mirror.start();
  await served.promise;
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  await mirror.close();
  await follower.close();
  await store.close();
  child.send("end");
  await rm(folder, { recursive: true, force: true });
  report({
    name: "mirror, first copy of a million",
    value: seconds,
    unit: "s",
    better: "less",
    target: 30,
    how: `${ENTRIES} entries with values (90 and 330 bytes) from a node of ours over loopback, verified and stored; ${(ENTRIES / seconds).toFixed(0)} entries/s; one run`,
  });
  report({
    name: "mirror, memory while copying",
    value: peak.own - base.own,
    unit: "MB",
    better: "less",
    how: `highest anonymous memory of the copying process above its ${base.own.toFixed(0)} MB before, in the same run; ${(peak.resident - base.resident).toFixed(0)} MB with the store's files, which the system maps and may drop`,
  });
}

/** Megabytes: what the process itself holds, and with the mapped files. */
function memory(): { own: number; resident: number } {
  const status = readFileSync("/proc/self/status", "utf8");
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
  return { own: of("RssAnon"), resident: of("VmRSS") };
}

await (process.env["SERVE"] === "1" ? serve() : measure());
