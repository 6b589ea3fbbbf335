/**
 * Speed and size of the sparse map alone, over a store that is a `Map` in memory: no disk, no log tree, no signature.
 *
 *   node packages/merkle/bench/map.bench.ts [leaves ..., default 50000 200000 1000000]
 *
 * Entries a second count `locate`, `apply` and `committed`; making leaves and writing to the `Map` are not the map's
 * work. CPU figures are beside those of the wall clock, which a busy machine stretches; they include the collector. Old roots are random ones of the last 900 versions of 500 entries.
 */
import { nodeCrypto } from "@trustix/node-crypto";
import { SparseMap, drive, mapLeafHash } from "../src/index.ts";
import type { MapLeaf, MapVersion, Needs, ReadAnswer, ReadRequest, RecordChange } from "../src/index.ts";

const crypto = nodeCrypto();
const PREFIX = Uint8Array.of(0x10, 0, 1, 0x6d);
const totals = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [50_000, 200_000, 1_000_000];

class MemoryStore {
  readonly #values = new Map<string, Uint8Array>();
  /** Keys in order, made when a range is asked for. */
  #sorted: string[] | undefined;
  written = 0;

  write(changes: readonly RecordChange[]): void {
    this.#sorted = undefined;
    for (const [key, value] of changes) {
      this.written += key.length + (value?.length ?? 0);
      const name = Buffer.from(key.buffer, key.byteOffset, key.length).latin1Slice();
      if (value === undefined) this.#values.delete(name);
      else this.#values.set(name, value.slice());
    }
  }

  run<T>(needs: Needs<T>): T {
    return drive(needs, (request) => this.#answer(request));
  }

  get bytes(): number {
    return this.#values.entries().reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  }

  prepareRanges(): void {
    this.#sorted ??= [...this.#values.keys()].sort();
  }

  #answer(request: ReadRequest): ReadAnswer {
    const nameOf = (key: Uint8Array): string => Buffer.from(key).latin1Slice();
    if (request.kind === "get") return request.keys.map((key) => this.#values.get(nameOf(key)));
    this.prepareRanges();
    const keys = this.#sorted!;
    const to = nameOf(request.to);
    const out: Uint8Array[] = [];
    for (let i = firstFrom(keys, nameOf(request.from)); i < keys.length && keys[i]! < to; i++) {
      out.push(new Uint8Array(Buffer.from(keys[i]!, "latin1")), this.#values.get(keys[i]!)!);
    }
    return out;
  }
}

function firstFrom(keys: readonly string[], from: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function leavesFrom(first: number, count: number): MapLeaf[] {
  return Array.from({ length: count }, (_, i) => {
    const number = new Uint8Array(8);
    new DataView(number.buffer).setFloat64(0, first + i);
    const path = crypto.sha256(number);
    return { path, leafHash: mapLeafHash(crypto, path, path), index: first + i };
  });
}

interface Grown {
  store: MemoryStore;
  map: SparseMap;
  versions: MapVersion[];
}

function grow(total: number, batch: number, report: boolean): Grown {
  const store = new MemoryStore();
  const map = store.run(SparseMap.open(crypto, PREFIX, undefined));
  const versions: MapVersion[] = [];
  const times: number[] = [];
  let spent = 0;
  let cpu = 0;
  let lastTenth = 0;
  for (let first = 0; first < total; first += batch) {
    const leaves = leavesFrom(first, batch);
    const paths = leaves.map(({ path }) => path);
    const start = performance.now();
    const cpuStart = process.cpuUsage();
    const known = store.run(map.locate(paths));
    if (known.some((index) => index !== undefined)) throw new Error("a new path is known");
    const { changes, at } = store.run(map.apply(leaves, versions.length));
    map.committed(at.version);
    const time = performance.now() - start;
    const used = process.cpuUsage(cpuStart);
    cpu += (used.user + used.system) / 1000;
    store.write(changes);
    times.push(time);
    spent += time;
    if (first >= total * 0.9) lastTenth += time;
    versions.push(at);
    if (versions.length > 1000) store.write(store.run(map.retire([versions.length - 1001])));
  }
  if (!report) return { store, map, versions };
  times.sort((a, b) => a - b);
  const rate = (entries: number, ms: number): string => `${Math.round(entries / ms).toString()}k/s`;
  const memory = process.memoryUsage();
  console.log(
    [
      `${total} entries in batches of ${batch}:`,
      rate(total, spent),
      `${rate(total, cpu)} of CPU`,
      ...(total > batch ? [`last tenth ${rate(total / 10, lastTenth)}`] : []),
      `p99 ${times[Math.floor(times.length * 0.99)]!.toFixed(1)} ms`,
      `max ${times.at(-1)!.toFixed(1)} ms`,
      `${Math.round(store.written / total)} B written an entry`,
      `${Math.round(store.bytes / total)} B kept`,
      `border ${versions.at(-1)!.border}`,
      `rss ${Math.round(memory.rss / 2 ** 20)} MB (buffers ${Math.round(memory.arrayBuffers / 2 ** 20)}, store included)`,
    ].join(", "),
  );
  return { store, map, versions };
}

function proofs(what: string, { store, map, versions }: Grown, count: number, pick: () => MapVersion): void {
  const total = versions.at(-1)!.size;
  const start = performance.now();
  const cpu = process.cpuUsage();
  let slowest = 0;
  for (let i = 0; i < count; i++) {
    const [leaf] = leavesFrom(Math.floor(Math.random() * total), 1);
    const before = performance.now();
    store.run(map.prove(leaf!.path, pick()));
    slowest = Math.max(slowest, performance.now() - before);
  }
  const rate = Math.round((count * 1000) / (performance.now() - start));
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = Math.round((count * 1e6) / (user + system));
  console.log(`  proofs, ${what}: ${rate}/s (${perSecond} a second of CPU; slowest ${slowest.toFixed(1)} ms)`);
}

function hashCost(): void {
  const node = new Uint8Array(65);
  const out = new Uint8Array(32);
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    for (let i = 0; i < 200_000; i++) crypto.sha256Into(node, out, 0);
    if (round === 2) console.log(`a node hash costs ${Math.round((performance.now() - start) * 5)} ns here`);
  }
}

hashCost();
for (let i = 0; i < 4; i++) grow(10_000, 500, false);
grow(50_000, 50_000, true);
for (const total of totals) {
  const grown = grow(total, 500, true);
  const { versions, store } = grown;
  const old = versions.slice(-900);
  const anyOld = (): MapVersion => old[Math.floor(Math.random() * old.length)]!;
  proofs("latest root", grown, 20_000, () => versions.at(-1)!);
  proofs("the root before", grown, 5_000, () => versions.at(-2)!);
  proofs("old roots", grown, 2_000, anyOld);
  store.prepareRanges();
  const opened = (): Grown => ({ ...grown, map: store.run(SparseMap.open(crypto, PREFIX, versions.at(-1))) });
  proofs("old roots, first 500 after opening", opened(), 500, anyOld);
  const warm = opened();
  const start = performance.now();
  let steps = 1;
  let longest = 0;
  for (;;) {
    const before = performance.now();
    const left = store.run(warm.map.warm());
    longest = Math.max(longest, performance.now() - before);
    if (left === 0) break;
    steps++;
  }
  console.log(
    `  warmed in ${Math.round(performance.now() - start)} ms, ${steps} steps, longest ${longest.toFixed(1)} ms`,
  );
  proofs("old roots, after warming", warm, 2_000, anyOld);
}
