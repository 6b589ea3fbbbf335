/** What holds for any leaves in any batches: roots, proofs under every version, reopening, refusals. */
import { fromHex, toHex } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SparseMap, SparseMapError, absenceBeside } from "../../src/index.ts";
import type { SparseMapErrorCode } from "../../src/index.ts";
import { ReferenceMap } from "./reference.ts";
import {
  BARE,
  checked,
  crypto,
  forkedPath,
  inBatches,
  leafOf,
  pathOf,
  PREFIX,
  runs,
  someOptions,
  somePaths,
  valueHashOf,
  World,
} from "./world.ts";

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const refused = (code: SparseMapErrorCode): unknown => expect.objectContaining({ name: "SparseMapError", code });
const paths = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => pathOf(i));

test("the root is that of the contents, in any order, batches and settings", () => {
  const shuffled = somePaths.chain((paths) =>
    fc.tuple(fc.constant(paths), fc.shuffledSubarray(paths, { minLength: paths.length }), sizes, sizes, someOptions),
  );
  fc.assert(
    fc.property(shuffled, ([paths, others, sizes, otherSizes, options]) => {
      const reference = new ReferenceMap(crypto);
      const world = new World(options);
      for (const batch of inBatches(paths, sizes)) {
        for (const path of batch) reference.set({ path, valueHash: valueHashOf(path) });
        expect(toHex(world.append(batch).root)).toBe(toHex(reference.root()));
      }
      const other = new World(options);
      for (const batch of inBatches(others, otherSizes)) other.append(batch);
      expect(toHex(other.latest.root)).toBe(toHex(world.latest.root));
    }),
    runs(60),
  );
});

test("presence and absence are proved under every version, however much is in memory", () => {
  fc.assert(
    fc.property(somePaths, sizes, someOptions, fc.boolean(), (paths, sizes, options, reopen) => {
      const world = new World(options);
      for (const batch of inBatches(paths, sizes)) world.append(batch);
      if (reopen) world.reopen();
      const order = world.versions.toSorted((a, b) => toHex(a.root).localeCompare(toHex(b.root)));
      for (const at of order) {
        for (const [index, path] of paths.entries()) {
          const answer = world.prove(path, at);
          checked(answer, path, at);
          expect(answer.kind === "present").toBe(index < at.size);
          if (answer.kind === "present") expect(answer.index).toBe(index);
          if (answer.kind === "present") expect(answer.leafHash).toEqual(leafOf(path, index).leafHash);
        }
      }
    }),
    runs(40),
  );
});

test("a path is proved absent that leaves any other at any of its bits", () => {
  const world = new World({ leavesPerSubtree: 4 });
  const noise = pathOf(1000);
  const base = pathOf(0);
  world.append([...paths(40), forkedPath(base, 255, noise), forkedPath(base, 200, noise), forkedPath(base, 9, noise)]);
  const before = world.latest;
  world.append(paths(80).slice(40));
  for (const options of [world.options, { ...BARE, leavesPerSubtree: 4 }]) {
    world.reopen(options);
    for (const at of [before, world.latest]) {
      for (let depth = 0; depth < 256; depth++) {
        // Every prefix of a stored path, then the other bit.
        const path = forkedPath(base, depth, pathOf(2000 + depth));
        const answer = world.prove(path, at);
        if (depth === 255) expect(answer.kind).toBe("present");
        else expect(answer.kind).not.toBe("present");
        checked(answer, path, at);
      }
    }
  }
});

test("crowded paths that share 250 bits are held and proved", () => {
  const crowd = Array.from({ length: 64 }, (_, i) => new Uint8Array(32).fill(0x5a).fill(i, 31));
  for (const options of [{}, { ...BARE, leavesPerSubtree: 1 }]) {
    const world = new World(options);
    for (const batch of inBatches([...crowd, ...paths(30)], [9, 1, 21])) world.append(batch);
    world.reopen();
    for (const at of world.versions) for (const path of crowd) checked(world.prove(path, at), path, at);
    expect(world.records.run(world.map.locate(crowd))).toEqual(crowd.map((_, i) => i));
  }
});

test("a map reopened at any version goes on as if it had never been closed", () => {
  fc.assert(
    fc.property(somePaths, sizes, someOptions, (paths, sizes, options) => {
      const steady = new World(options);
      const restless = new World(options);
      for (const batch of inBatches(paths, sizes)) {
        expect(restless.append(batch)).toEqual(steady.append(batch));
        restless.reopen();
      }
      expect(restless.records.all).toEqual(steady.records.all);
      expect(restless.records.run(restless.map.locate(paths))).toEqual(paths.map((_, i) => i));
    }),
    runs(40),
  );
});

test("a batch that was never written is forgotten by opening at the version before", () => {
  const world = new World({ leavesPerSubtree: 4 });
  world.append(paths(50));
  const lost = world.records.run(world.map.apply([leafOf(pathOf(90), 50), leafOf(pathOf(91), 51)], 1));
  world.reopen();
  expect(world.records.run(world.map.locate([pathOf(90), pathOf(0)]))).toEqual([undefined, 0]);
  expect(toHex(world.append([pathOf(90), pathOf(91)]).root)).toBe(toHex(lost.at.root));
});

test("the border moves as the map grows, and older roots stay provable across the moves", () => {
  const world = new World({ leavesPerSubtree: 16 });
  const all = paths(6000);
  for (const batch of inBatches(all, [1, 40, 100, 33, 333])) world.append(batch);
  const borders = new Set(world.versions.map(({ border }) => border));
  expect([...borders]).toEqual([0, 3, 6, 9]);
  for (const options of [{ leavesPerSubtree: 16 }, { ...BARE, leavesPerSubtree: 16 }]) {
    world.reopen(options);
    for (const at of world.versions) {
      for (const pick of [0, at.size - 1, at.size, 5999]) {
        const path = pathOf(pick);
        const answer = world.prove(path, at);
        checked(answer, path, at);
        expect(answer.kind === "present").toBe(pick < at.size);
      }
    }
  }
});

test("a border that a caller's setting would lower stays where it is", () => {
  const world = new World({ leavesPerSubtree: 4 });
  world.append(paths(300));
  const before = world.latest;
  world.reopen({ leavesPerSubtree: 1024 });
  world.append([pathOf(300)]);
  expect(world.latest.border).toBe(before.border);
  for (const at of world.versions) checked(world.prove(pathOf(300), at), pathOf(300), at);
});

test("locate finds what is there and nothing else", () => {
  fc.assert(
    fc.property(somePaths, sizes, someOptions, (paths, sizes, options) => {
      const [here, absent] = [paths.filter((_, i) => i % 3 > 0), paths.filter((_, i) => i % 3 === 0)];
      const world = new World(options);
      for (const batch of inBatches(here, sizes)) world.append(batch);
      if (here.length > 0) world.reopen();
      expect(world.records.run(world.map.locate(here))).toEqual(here.map((_, i) => i));
      expect(world.records.run(world.map.locate(absent))).toEqual(absent.map(() => undefined));
    }),
    runs(40),
  );
});

test("warming loads subtree after subtree, and then nothing is read", () => {
  const world = new World({ leavesPerSubtree: 32 });
  for (const batch of inBatches(paths(2000), [100])) world.append(batch);
  world.reopen();
  const steps: number[] = [];
  do steps.push(world.records.run(world.map.warm()));
  while (steps.at(-1)! > 0);
  expect(steps).toEqual(Array.from({ length: 64 }, (_, i) => 63 - i));
  const read = world.records.requests;
  expect(world.records.run(world.map.locate(paths(2000)))).toEqual(paths(2000).map((_, i) => i));
  for (const path of paths(50)) world.prove(path, world.latest);
  expect(world.records.requests).toBe(read);
});

test("warming stops where memory ends", () => {
  const world = new World({ leavesPerSubtree: 16, trieBytes: 10_000 });
  for (const batch of inBatches(paths(1000), [100])) world.append(batch);
  world.reopen();
  let steps = 1;
  while (world.records.run(world.map.warm()) > 0) steps++;
  expect(steps).toBeLessThan(30);
});

test("an empty batch changes nothing, and the first version may be empty", () => {
  const world = new World();
  const first = world.records.run(world.map.apply([], 7));
  expect(first).toEqual({ changes: [], at: { root: new Uint8Array(32), size: 0, version: 7, border: 0 } });
  expect(checked(world.prove(pathOf(1), first.at), pathOf(1), first.at).numSideNodes).toBe(0);
  const { at } = world.records.run(world.map.apply([leafOf(pathOf(1), 0)], 8));
  expect(world.records.run(world.map.apply([], 9))).toEqual({ changes: [], at });
});

test("what cannot be is refused, and changes nothing", () => {
  const world = new World({ leavesPerSubtree: 4 });
  world.append(paths(30));
  const next = leafOf(pathOf(99), 30);
  const cases: [SparseMapErrorCode, () => unknown][] = [
    ["path_exists", () => world.map.apply([next, leafOf(pathOf(7), 31)], 1)],
    ["path_exists", () => world.map.apply([next, leafOf(pathOf(99), 31)], 1)],
    ["bad_argument", () => world.map.apply([leafOf(pathOf(99), 29)], 1)],
    ["bad_argument", () => world.map.apply([leafOf(pathOf(99), 2 ** 48)], 1)],
    ["bad_argument", () => world.map.apply([leafOf(pathOf(99), 30.5)], 1)],
    ["bad_argument", () => world.map.apply([{ ...next, path: new Uint8Array(31) }], 1)],
    ["bad_argument", () => world.map.apply([{ ...next, leafHash: new Uint8Array(33) }], 1)],
    ["bad_argument", () => world.map.apply([next], 0)],
    ["bad_argument", () => world.map.apply([next], 1.5)],
    ["bad_argument", () => world.map.locate([new Uint8Array(33)])],
    ["bad_argument", () => world.map.prove(new Uint8Array(31), world.latest)],
    ["bad_argument", () => world.map.prove(pathOf(1), { ...world.latest, version: 1 })],
    ["bad_argument", () => world.map.retire([0])],
  ];
  for (const [code, operation] of cases) {
    expect(() => world.records.run(operation() as ReturnType<SparseMap["locate"]>)).toThrow(refused(code));
  }
  const fresh = new World({ leavesPerSubtree: 4 });
  fresh.append(paths(30));
  expect(world.append([pathOf(99)])).toEqual(fresh.append([pathOf(99)]));
  expect(world.records.all).toEqual(fresh.records.all);
});

test("a proof beside a leaf takes that leaf's value hash only", () => {
  const world = new World();
  world.append([pathOf(0)]);
  const answer = world.prove(pathOf(1), world.latest);
  if (answer.kind !== "beside") throw new Error(`wanted beside, got ${answer.kind}`);
  expect(() => absenceBeside(crypto, answer, valueHashOf(pathOf(1)))).toThrow(refused("bad_argument"));
  expect(() => absenceBeside(crypto, answer, new Uint8Array(0))).toThrow(refused("bad_argument"));
});

test("a damaged record is an error where it is read, never a wrong answer", () => {
  const options = { ...BARE, leavesPerSubtree: 8 };
  const world = new World(options);
  for (const batch of inBatches(paths(120), [30])) world.append(batch);
  const { all } = world.records;
  const damage = fc.record({
    pick: fc.nat(),
    kind: fc.constantFrom("flip", "remove", "cut", "longer"),
    at: fc.nat(),
    bit: fc.nat(7),
  });
  fc.assert(
    fc.property(damage, fc.nat(119), fc.nat(3), ({ pick, kind, at, bit }, which, version) => {
      const keys = [...all.keys()];
      const key = keys[pick % keys.length]!;
      const whole = all.get(key)!;
      const broken =
        kind === "longer" ? Uint8Array.of(...whole, 0) : whole.slice(0, kind === "cut" ? at % whole.length : undefined);
      if (kind === "flip") broken[at % whole.length]! ^= 1 << bit;
      const name = fromHex(key);
      world.records.write([[name, kind === "remove" ? undefined : broken]]);
      try {
        const map = world.records.run(SparseMap.open(crypto, PREFIX, world.latest, options));
        const seen = world.versions[version]!;
        checked(world.records.run(map.prove(pathOf(which), seen)), pathOf(which), seen);
      } catch (error) {
        expect(error).toBeInstanceOf(SparseMapError);
      } finally {
        world.records.write([[name, whole]]);
      }
    }),
    runs(300),
  );
});
