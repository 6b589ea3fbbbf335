/**
 * What the contract promises, as named checks that any backend runs with any test runner:
 * `for (const { name, run } of conformance(open)) test(name, run)`.
 *
 * What needs a crash (atomicity, durability) is not here: each backend on disk shows it with real processes.
 */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import type { Change, Entry, Reads, Store } from "./contract.ts";

export interface ConformanceCheck {
  readonly name: string;
  run(): Promise<void>;
}

/** `open` makes an empty store each time; the checks close it. */
export function conformance(open: () => Promise<Store>): ConformanceCheck[] {
  const check = (name: string, run: (store: Store) => Promise<void>): ConformanceCheck => ({
    name,
    async run() {
      const store = await open();
      try {
        await run(store);
      } finally {
        await store.close();
      }
    },
  });
  return [
    check("values come in the order of the keys, undefined where there is none", async (store) => {
      await store.write([put("b", "2"), put("a", "1"), put("empty", "")]);
      deepEqual(await get(store, "b", "x", "a", "a", "empty"), ["2", undefined, "1", "1", ""]);
      deepEqual(await store.getMany([]), []);
    }),
    check("keys are ordered as unsigned bytes, a proper prefix first", async (store) => {
      const keys = [[0], [0, 0], [0, 255], [1], [127], [128], [128, 0], [255], [255, 255]];
      await store.write(keys.toReversed().map((key): Change => [Uint8Array.from(key), utf8("v")]));
      const found = await collect(store.range(new Uint8Array(0), new Uint8Array(9).fill(255)));
      deepEqual(
        found.map(([key]) => [...key]),
        keys,
      );
    }),
    check("a range is half open, and bounds need not exist", async (store) => {
      await store.write(["a", "b", "c", "d"].map((key) => put(key, key)));
      deepEqual(await keysOf(store.range(utf8("b"), utf8("d"))), ["b", "c"]);
      deepEqual(await keysOf(store.range(utf8("aa"), utf8("cc"))), ["b", "c"]);
      deepEqual(await keysOf(store.range(utf8("d"), utf8("b"))), []);
      deepEqual(await keysOf(store.range(utf8("b"), utf8("b"))), []);
    }),
    check("a range goes backwards, stops at its limit, leaves values out", async (store) => {
      await store.write(["a", "b", "c", "d"].map((key) => put(key, key)));
      deepEqual(await keysOf(store.range(utf8("a"), utf8("d"), { reverse: true })), ["c", "b", "a"]);
      deepEqual(await keysOf(store.range(utf8("a"), utf8("z"), { limit: 2 })), ["a", "b"]);
      deepEqual(await keysOf(store.range(utf8("a"), utf8("z"), { limit: 2, reverse: true })), ["d", "c"]);
      deepEqual(await keysOf(store.range(utf8("a"), utf8("z"), { limit: 0 })), []);
      for await (const [, value] of store.range(utf8("a"), utf8("z"), { keysOnly: true })) equal(value.length, 0);
    }),
    check("a range can be left early", async (store) => {
      await store.write(numbered(1000));
      for await (const [key] of store.range(utf8("k"), utf8("l"))) if (text(key) === "k000003") break;
      await store.write([put("k000003", "again")]);
      deepEqual(await get(store, "k000003"), ["again"]);
    }),
    check("many keys are read and ranged over completely", async (store) => {
      const batch = numbered(5000);
      await store.write(batch);
      const values = await store.getMany(batch.map(([key]) => key));
      ok(values.every((value, i) => value !== undefined && text(value) === String(i)));
      const entries = await collect(store.range(utf8("k"), utf8("l")));
      deepEqual(
        entries.map(([key]) => text(key)),
        batch.map(([key]) => text(key)),
      );
    }),
    check("a batch sets and removes; the later change of a key wins", async (store) => {
      await store.write([put("a", "1"), put("b", "1"), put("gone", "1")]);
      await store.write([
        put("a", "2"),
        put("a", "3"),
        del("b"),
        put("b", "4"),
        put("c", "1"),
        del("c"),
        del("gone"),
        del("never"),
      ]);
      deepEqual(await get(store, "a", "b", "c", "gone", "never"), ["3", "4", undefined, undefined, undefined]);
    }),
    check("an empty batch resolves and changes nothing", async (store) => {
      await store.write([]);
      deepEqual(await keysOf(store.range(new Uint8Array(0), utf8("~"))), []);
    }),
    check("writes called together are applied in the order of the calls", async (store) => {
      const calls = Array.from({ length: 50 }, (_, i) => store.write([put("last", String(i)), put(`n${i}`, "there")]));
      await Promise.all(calls);
      deepEqual(await get(store, "last", "n0", "n49"), ["49", "there", "there"]);
    }),
    check("a batch is never visible before those called earlier", async (store) => {
      const calls = Array.from({ length: 20 }, (_, i) => store.write([put(`n${i}`, "x")]));
      const done = Promise.all(calls).then(() => true);
      for (let finished = false; !finished;) {
        finished = await Promise.race([done, Promise.resolve(false)]);
        const seen = await store.getMany(calls.map((_, i) => utf8(`n${i}`)));
        const first = seen.indexOf(undefined);
        ok(first < 0 || seen.slice(first).every((value) => value === undefined), "a later batch is seen first");
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
    check("bytes handed in are not kept", async (store) => {
      const key = utf8("key");
      const value = utf8("value");
      const writes = [store.write([[key, value]]), store.write([[utf8("other"), value]])];
      key.fill(0);
      value.fill(0);
      await Promise.all(writes);
      deepEqual(await get(store, "key", "other"), ["value", "value"]);
    }),
    check(
      "Buffers are taken, also while another write is under way, and plain arrays are given back",
      async (store) => {
        const buffers = ["k0", "k1"].map((key) => Buffer.from(key));
        const writes = buffers.map((key) => store.write([[key, key]]));
        for (const buffer of buffers) buffer.fill(0);
        await Promise.all(writes);
        const found = await store.getMany([utf8("k0"), utf8("k1")]);
        deepEqual(found, [utf8("k0"), utf8("k1")]);
        for (const [key, value] of await collect(store.range(utf8("k"), utf8("l"))))
          for (const bytes of [key, value]) ok(!Buffer.isBuffer(bytes));
      },
    ),
    check("a snapshot never changes", async (store) => {
      await store.write([put("a", "old"), put("b", "old"), ...numbered(2000)]);
      const snapshot = store.snapshot();
      await store.write([
        put("a", "new"),
        del("b"),
        put("c", "new"),
        ...numbered(2000).map(([key]): Change => [key, undefined]),
      ]);
      deepEqual(await get(snapshot, "a", "b", "c"), ["old", "old", undefined]);
      deepEqual(await keysOf(snapshot.range(utf8("a"), utf8("d"))), ["a", "b"]);
      equal((await keysOf(snapshot.range(utf8("k"), utf8("l")))).length, 2000);
      deepEqual(await get(store, "a", "b", "c"), ["new", undefined, "new"]);
      await snapshot.close();
      await rejects(get(snapshot, "a"), { name: "StorageError", code: "closed" });
      await rejects(keysOf(snapshot.range(utf8("a"), utf8("d"))), { name: "StorageError", code: "closed" });
    }),
    check("a range that is under way does not change", async (store) => {
      await store.write(numbered(1000));
      const seen: string[] = [];
      for await (const [key] of store.range(utf8("k"), utf8("l"))) {
        if (seen.length === 0) await store.write([del("k000999"), put("k0005005", "new")]);
        seen.push(text(key));
      }
      equal(seen.length, 1000);
      equal(seen.at(-1), "k000999");
    }),
    check("keys of wrong length are refused before anything is written", async (store) => {
      const longest = new Uint8Array(65_536).fill(1);
      await store.write([[longest, utf8("v")]]);
      deepEqual(
        (await store.getMany([longest])).map((value) => value && text(value)),
        ["v"],
      );
      for (const key of [new Uint8Array(0), new Uint8Array(65_537)]) {
        await rejects(store.write([put("a", "1"), [key, utf8("v")]]), RangeError);
        await rejects(store.getMany([key]), RangeError);
      }
      deepEqual(await get(store, "a"), [undefined]);
      await store.write([put("a", "2")]);
      deepEqual(await get(store, "a"), ["2"]);
    }),
    check("a large value comes back whole", async (store) => {
      const value = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * 7) & 255);
      await store.write([[utf8("large"), value]]);
      const [found] = await store.getMany([utf8("large")]);
      ok(found && Buffer.compare(found, value) === 0);
    }),
    {
      name: "after close all calls are refused, and writes called before it are done",
      async run() {
        const store = await open();
        const writes = [store.write([put("a", "1")]), store.write([put("b", "1")])];
        const closed = store.close();
        await Promise.all([...writes, closed, store.close()]);
        const refused = { name: "StorageError", code: "closed" };
        await rejects(store.write([put("c", "1")]), refused);
        await rejects(get(store, "a"), refused);
        await rejects(keysOf(store.range(utf8("a"), utf8("b"))), refused);
        throws(() => store.snapshot(), refused);
      },
    },
  ];
}

function utf8(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function put(key: string, value: string): Change {
  return [utf8(key), utf8(value)];
}

function del(key: string): Change {
  return [utf8(key), undefined];
}

function numbered(count: number): Change[] {
  return Array.from({ length: count }, (_, i) => put(`k${String(i).padStart(6, "0")}`, String(i)));
}

async function get(reads: Reads, ...keys: string[]): Promise<(string | undefined)[]> {
  return (await reads.getMany(keys.map(utf8))).map((value) => (value === undefined ? undefined : text(value)));
}

async function collect(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

async function keysOf(entries: AsyncIterable<Entry>): Promise<string[]> {
  return (await collect(entries)).map(([key]) => text(key));
}
