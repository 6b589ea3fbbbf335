/**
 * Publishing, on the embedded store with every write synced: flushes small and large, a log grown to a million entries,
 * what it takes on disk, and map proofs out of it in this process. Keys and values are random, 32 bytes each; 1000
 * heads are retained. `BENCH_ENTRIES` sets the size of the grown log.
 *
 * Sustained flushes are bound by the disk more than their targets' share says. At 300 000 entries a flush of 500 takes 19 ms
 * (ext4, a hash 0.45 ms a thousand, 4 KiB synced in 0.2 ms): 9 to compute it, 4 of them hashes; 2 for the two copies of the
 * head marker; 8 for the store's write, of which 3 are left when it is not synced. Its log grows, so its sync waits for the
 * journal, and that for the files that compaction writes meanwhile: five times what it costs with nothing beside it. Larger
 * write buffers and files do not help (equal within noise, the longest flush two to three times as long), buckets of four
 * leaves write a quarter fewer bytes for at most a tenth more entries/s, and make the flush of 50 000 slower by as much.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { type Hash, type LogInfo, TEST, logIdOf } from "@trustix/protocol";
import { type EmbeddedStore, openEmbeddedStore } from "@trustix/storage";
import { openLogReader } from "../packages/node/src/logs/log-reader.ts";
import { MapRoots } from "../packages/node/src/logs/map-roots.ts";
import { PublishedLog } from "../packages/node/src/logs/published-log.ts";
import { registerLogs } from "../packages/node/src/logs/register-logs.ts";
import type { Clock, LogReader, Publisher, SubmitItem } from "../packages/node/src/model.ts";
import { fileHeadMarker } from "../packages/node/src/publisher/head-marker.ts";
import { openPublisher } from "../packages/node/src/publisher/publisher.ts";
import { median, report } from "./figure.ts";
import { measureBasicCosts } from "./basic-costs.ts";

const ENTRIES = Number(process.env["BENCH_ENTRIES"] ?? 1_000_000);
const crypto = nodeCrypto();
const clock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

interface Open {
  readonly folder: string;
  readonly store: EmbeddedStore;
  readonly publisher: Publisher;
  readonly reader: LogReader;
}

const seed = randomSeed();
const publicKey = crypto.ed25519PublicKey(seed);
const info: LogInfo = { id: logIdOf(crypto, { protocol: TEST, publicKey }), protocol: TEST, publicKey, meta: {} };

async function openLog(folder: string, maxFlushItems: number): Promise<Open> {
  const store = await openEmbeddedStore(join(folder, "state"));
  const published = new PublishedLog(info, (await registerLogs(store, [info])).get(info.id)!);
  const marker = fileHeadMarker(crypto, join(folder, "heads"), info.id);
  const limits = { flushEveryMs: 0, flushAtItems: Infinity, retainHeads: 1000, retainMs: 0, maxFlushItems };
  const publisher = await openPublisher({ store, crypto, clock, published, seed, marker, limits });
  const reader = openLogReader({ reads: store, crypto, published, roots: new MapRoots(store, published) });
  return { folder, store, publisher, reader };
}

async function withLog<T>(maxFlushItems: number, run: (log: Open) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(process.env["TRUSTIX_BENCH_DIR"] ?? tmpdir(), "trustix-bench-"));
  try {
    const log = await openLog(folder, maxFlushItems);
    const result = await run(log);
    await log.publisher.close();
    await log.store.close();
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function randomItems(count: number): SubmitItem[] {
  const bytes = new Uint8Array(randomBytes(count * 64));
  return Array.from({ length: count }, (_, i) => ({
    key: bytes.subarray(i * 64, i * 64 + 32),
    value: bytes.subarray(i * 64 + 32, i * 64 + 64),
  }));
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** 50 000 waiting entries, flushed under one head or 500 at a time: milliseconds. */
async function flushWaiting(maxFlushItems: number): Promise<number> {
  return withLog(maxFlushItems, async ({ publisher }) => {
    for (let i = 0; i < 100; i++) await publisher.submit(randomItems(500));
    return timed(() => publisher.flush());
  });
}

async function diskBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}

/** What is kept for each retained head alone: everything of the map but its buckets, and the heads' own records. */
async function bytesPerHead(store: EmbeddedStore): Promise<number> {
  let bytes = 0;
  let heads = 0;
  for await (const [key, value] of store.range(Uint8Array.of(0x10), Uint8Array.of(0x11))) {
    const kind = String.fromCharCode(key[3]!);
    const isOfMap = kind === "m" && key[4] !== 0x62;
    if (isOfMap || kind === "d" || kind === "r") bytes += key.length + value.length;
    if (kind === "d") heads++;
  }
  return bytes / heads;
}

/** Map proofs of random keys under random ones of `roots`, a second. */
async function proofRate(
  reader: LogReader,
  keys: readonly Uint8Array[],
  roots: readonly Hash[],
  count: number,
): Promise<number> {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;
  const ms = await timed(async () => {
    for (let i = 0; i < count; i++) await reader.mapValue(pick(keys), pick(roots));
  });
  return (count / ms) * 1000;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const costs = measureBasicCosts();
say(`a tree node's hash ${costs.hashNs.toFixed(0)} ns, 4 KiB written and synced ${costs.syncMs.toFixed(2)} ms`);

await flushWaiting(500);
for (const [name, size, target] of [
  ["flush, 50 000 waiting, one head", 65_536, 100_000],
  ["flush, 50 000 waiting, 500 a head", 500, 45_000],
] as const) {
  const runs = [await flushWaiting(size), await flushWaiting(size), await flushWaiting(size)];
  const value = 50_000 / (median(runs) / 1000);
  say(`${name}: ${Math.round(value)}/s (${runs.map((ms) => ms.toFixed(0)).join(", ")} ms)`);
  const how = "50 000 acknowledged entries, one flush() call, embedded store, marker written, median of 3";
  report({ name, value, unit: "entries/s", better: "more", target, diskShare: size === 500 ? 0.1 : 0.01, how });
}

await withLog(500, async ({ folder, store, publisher, reader }) => {
  const flushes: number[] = [];
  let submitting = 0;
  const keys: Uint8Array[] = [];
  const roots: Hash[] = [];
  const perFlush = 500;
  for (let n = 0; n < ENTRIES / perFlush; n++) {
    const items = randomItems(perFlush);
    if (n % 10 === 0) keys.push(items[0]!.key.slice());
    submitting += await timed(() => publisher.submit(items));
    flushes.push(await timed(() => publisher.flush()));
    roots.push((await reader.head()).mapRoot);
    if (roots.length > 900) roots.shift();
    if ((n + 1) % 200 === 0) {
      const last = flushes.slice(-200).reduce((a, b) => a + b, 0);
      say(
        `  ${(n + 1) * perFlush} entries, ${Math.round((200 * perFlush * 1000) / last)}/s, rss ${process.memoryUsage().rss >> 20} MB`,
      );
    }
  }
  const total = flushes.reduce((a, b) => a + b, 0);
  const sorted = flushes.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  const how = `flushes of 500 up to ${ENTRIES} entries, time of the flushes only, one run`;
  const rate = (ENTRIES / total) * 1000;
  say(
    `sustained: ${Math.round(rate)}/s, p50 ${at(0.5).toFixed(1)} p99 ${at(0.99).toFixed(1)} max ${at(1).toFixed(1)} ms; submit ${Math.round((ENTRIES / submitting) * 1000)}/s`,
  );
  report({
    name: "sustained, 500 a head",
    value: rate,
    unit: "entries/s",
    better: "more",
    target: 35_000,
    diskShare: 0.1,
    how,
  });
  report({ name: "sustained, median flush", value: at(0.5), unit: "ms", better: "less", how });
  report({ name: "sustained, p99 flush", value: at(0.99), unit: "ms", better: "less", how });
  report({ name: "sustained, longest flush", value: at(1), unit: "ms", better: "less", target: 150, how });
  report({
    name: "submit, 500 a call",
    value: (ENTRIES / submitting) * 1000,
    unit: "entries/s",
    better: "more",
    how: "submits of 500 one after the other, each synced, in the same run",
  });

  const latest = [(await reader.head()).mapRoot];
  const rates = {
    latest: await proofRate(reader, keys, latest, 20_000),
    old: await proofRate(reader, keys, roots, 2_000),
  };
  const raw = await diskBytes(join(folder, "state"));
  await store.compact();
  const compacted = await diskBytes(join(folder, "state"));
  say(`disk: ${(raw / ENTRIES).toFixed(0)} B/entry as it lies, ${(compacted / ENTRIES).toFixed(0)} compacted`);
  const kept = "the store's folder after the sustained run, the last 1000 roots provable";
  report({ name: "disk, as it lies", value: raw / ENTRIES, unit: "B/entry", better: "less", how: kept });
  report({
    name: "disk, compacted",
    value: compacted / ENTRIES,
    unit: "B/entry",
    better: "less",
    target: 300,
    scale: "none",
    how: `${kept}, compacted`,
  });

  const perHead = await bytesPerHead(store);
  const week = (7 * 24 * 3600 * perHead) / 2 ** 30;
  say(
    `a retained head of 500 entries: ${perHead.toFixed(0)} B; the default retention at one a second: ${week.toFixed(1)} GiB`,
  );
  const versions = `map pages, their lists, head and root records of the last 1000 heads, divided by 1000`;
  report({
    name: "disk, a retained head of 500 entries",
    value: perHead,
    unit: "B/head",
    better: "less",
    how: `${versions}; seven days at one head a second take ${week.toFixed(1)} GiB`,
  });

  await publisher.close();
  await store.close();
  let again: Open | undefined;
  const opening = await timed(async () => (again = await openLog(folder, 500)));
  const cold = await proofRate(again!.reader, keys, roots, 2_000);
  say(
    `proofs: latest ${Math.round(rates.latest)}/s, old roots ${Math.round(rates.old)}/s, old roots after reopening (${opening.toFixed(0)} ms) ${Math.round(cold)}/s`,
  );
  const proofs = `in this process, one at a time, random keys, ${ENTRIES} entries`;
  report({ name: "map proofs, latest root", value: rates.latest, unit: "proofs/s", better: "more", how: proofs });
  report({
    name: "map proofs, last 900 roots",
    value: rates.old,
    unit: "proofs/s",
    better: "more",
    target: 500,
    how: proofs,
  });
  report({
    name: "map proofs, last 900 roots, after a restart",
    value: cold,
    unit: "proofs/s",
    better: "more",
    target: 500,
    how: `${proofs}, first 2000 after opening`,
  });
  report({
    name: "opening the log",
    value: opening,
    unit: "ms",
    better: "less",
    how: `store and publisher, ${ENTRIES} entries`,
  });
  await again!.publisher.close();
  await again!.store.close();
});
