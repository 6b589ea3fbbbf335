/** The check of stored records: silent on what the map writes, and not on anything else. */
import { fromHex } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkMapRecords, mapVersionInPages } from "../../src/index.ts";
import { crypto, inBatches, pathOf, PREFIX, runs, someOptions, somePaths, World } from "./world.ts";

const problemsOf = (world: World, version: number): string[] =>
  world.records.run(checkMapRecords(crypto, PREFIX, world.versions[version]!));

test("every version that the map wrote is found sound", () => {
  fc.assert(
    fc.property(somePaths, fc.integer({ min: 1, max: 40 }), someOptions, (paths, size, options) => {
      const world = new World(options);
      for (const batch of inBatches(paths, [size])) world.append(batch);
      for (const [version, at] of world.versions.entries()) {
        expect(problemsOf(world, version)).toEqual([]);
        const told = world.records.run(mapVersionInPages(crypto, PREFIX, version));
        expect(told && { ...told, border: at.border }).toEqual(at.border === 0 ? undefined : at);
      }
    }),
    runs(40),
  );
});

const world = new World({ leavesPerSubtree: 8 });
for (const batch of inBatches(
  Array.from({ length: 400 }, (_, i) => pathOf(i)),
  [100],
))
  world.append(batch);
const whole = new Map(world.records.all);
const keysOf = (space: string): string[] => [...whole.keys()].filter((key) => fromHex(key)[4] === space.charCodeAt(0));

test("any bucket that is changed, cut or gone is found", () => {
  const damage = fc.record({
    pick: fc.nat(),
    at: fc.nat(),
    bit: fc.nat(7),
    kind: fc.constantFrom("flip", "cut", "gone"),
  });
  fc.assert(
    fc.property(damage, ({ pick, at, bit, kind }) => {
      const keys = keysOf("b");
      const key = keys[pick % keys.length]!;
      const bad = whole.get(key)!.slice(0, kind === "cut" ? -1 - (at % 69) : undefined);
      const place = at % bad.length;
      bad[place]! ^= kind === "flip" ? 1 << bit : 0;
      world.records.write([[fromHex(key), kind === "gone" ? undefined : bad]]);
      const problems = problemsOf(world, 3);
      world.records.write([[fromHex(key), whole.get(key)]]);
      // Hashes above cover a leaf's hash. They cover the bits of a path that tell it from its neighbours, and the first
      // and last index of a subtree; the rest is covered by looking up each entry.
      const isSure = kind !== "flip" || (place % 70 >= 32 && place % 70 < 64);
      if (isSure) expect(problems).not.toEqual([]);
    }),
    runs(200),
  );
  expect(problemsOf(world, 3)).toEqual([]);
});

test("any page of the version that is changed, cut or gone is found", () => {
  const keys = keysOf("p").filter((key) => key.endsWith("000000000003"));
  const damage = fc.record({
    pick: fc.nat(),
    at: fc.nat(),
    bit: fc.nat(7),
    kind: fc.constantFrom("flip", "cut", "gone"),
  });
  fc.assert(
    fc.property(damage, ({ pick, at, bit, kind }) => {
      const key = keys[pick % keys.length]!;
      const bad = whole.get(key)!.slice(0, kind === "cut" ? -1 - (at % 30) : undefined);
      bad[at % bad.length]! ^= kind === "flip" ? 1 << bit : 0;
      world.records.write([[fromHex(key), kind === "gone" ? undefined : bad]]);
      expect(problemsOf(world, 3)).not.toEqual([]);
      world.records.write([[fromHex(key), whole.get(key)]]);
    }),
    runs(200),
  );
});

test("a bucket stored in two halves is found, although it hashes alike", () => {
  const lone = new World();
  const paths = Array.from({ length: 6 }, (_, i) => new Uint8Array(32).fill(i * 40));
  lone.append(paths);
  const [[key, record]] = [...lone.records.all] as [[string, Uint8Array]];
  const half = (from: number, to: number, start: number): [Uint8Array, Uint8Array] => [
    Uint8Array.of(...PREFIX, 0x62, start, 1),
    record.slice(from * 70, to * 70),
  ];
  lone.records.write([[fromHex(key), undefined], half(0, 4, 0), half(4, 6, 0x80)]);
  expect(problemsOf(lone, 0)).toEqual([
    "bucket or subtree 0 of depth 1 is split although one bucket holds its leaves",
    "bucket or subtree 1 of depth 1 is split although one bucket holds its leaves",
  ]);
});
