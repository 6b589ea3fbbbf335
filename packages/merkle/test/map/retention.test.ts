/** Retiring: retained versions stay provable, and nothing is left behind. */
import { fromHex } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SparseMap, SparseMapError } from "../../src/index.ts";
import { BARE, checked, crypto, inBatches, pathOf, PREFIX, runs, someOptions, somePaths, World } from "./world.ts";

const SPACE = PREFIX.length;
const VERSION_BYTES = 6;

/** Keys of one space of the map, in hex; of pages without their version. */
function keysOf(world: World, space: "b" | "p" | "g"): string[] {
  const keys = [...world.records.all.keys()].filter((key) => fromHex(key)[SPACE] === space.charCodeAt(0));
  return (space === "p" ? keys.map((key) => key.slice(0, -2 * VERSION_BYTES)) : keys).toSorted();
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });

test("versions that are retained prove all they did, whatever was retired before them", () => {
  fc.assert(
    fc.property(somePaths, sizes, someOptions, fc.integer({ min: 1, max: 5 }), (paths, sizes, options, kept) => {
      const world = new World(options);
      for (const batch of inBatches(paths, sizes)) {
        world.append(batch);
        if (world.versions.length > kept) world.retire([world.versions.at(-1 - kept)!]);
      }
      world.reopen();
      for (const at of world.versions.slice(-kept)) {
        for (const [index, path] of paths.entries()) {
          const answer = world.prove(path, at);
          checked(answer, path, at);
          expect(answer.kind === "present").toBe(index < at.size);
        }
      }
    }),
    runs(40),
  );
});

test("when all versions but the last are retired, the store is that of a map built at once", () => {
  fc.assert(
    fc.property(somePaths, sizes, someOptions, fc.boolean(), (paths, sizes, options, oneByOne) => {
      const world = new World(options);
      for (const batch of inBatches(paths, sizes)) world.append(batch);
      const old = world.versions.slice(0, -1);
      for (const group of oneByOne ? old.map((at) => [at]) : [old]) world.retire(group);
      const fresh = new World(options);
      fresh.append(paths);
      for (const key of keysOf(fresh, "b")) expect(world.records.all.get(key)).toEqual(fresh.records.all.get(key));
      expect(keysOf(world, "b")).toEqual(keysOf(fresh, "b"));
      expect(keysOf(world, "g")).toEqual([]);
      // One version of each page. A subtree has none yet if nothing was added below it since the border moved.
      const pages = keysOf(world, "p");
      expect(new Set(pages).size).toBe(pages.length);
      expect(new Set(pages).difference(new Set(keysOf(fresh, "p"))).size).toBe(0);
    }),
    runs(60),
  );
});

test("every page of a border that stood still is there once after retiring", () => {
  const world = new World({ leavesPerSubtree: 16 });
  for (const batch of inBatches(
    Array.from({ length: 4000 }, (_, i) => pathOf(i)),
    [200],
  ))
    world.append(batch);
  world.retire(world.versions.slice(0, -1));
  expect(keysOf(world, "p")).toHaveLength(1 + 8 + 64);
  expect(world.latest.border).toBe(9);
});

test("a retired version is gone where its pages are needed, and says so", () => {
  const world = new World({ leavesPerSubtree: 16 });
  for (const batch of inBatches(
    Array.from({ length: 600 }, (_, i) => pathOf(i)),
    [200],
  ))
    world.append(batch);
  const [first] = world.versions;
  world.retire([first!]);
  world.reopen(BARE);
  expect(() => world.prove(pathOf(1), first!)).toThrow(expect.objectContaining({ code: "version_gone" }));
});

test("what a version not yet durable replaced can be retired with it", () => {
  const world = new World({ leavesPerSubtree: 16 });
  const paths = Array.from({ length: 600 }, (_, i) => pathOf(i));
  for (const batch of inBatches(paths.slice(0, 400), [200])) world.append(batch);
  const late = new World({ leavesPerSubtree: 16 });
  late.append(paths.slice(0, 200));
  late.append(paths.slice(200, 400));
  const { map, records } = late;
  const next = records.run(
    map.apply(
      paths.slice(400).map((path, i) => ({ path, leafHash: path, index: 400 + i })),
      2,
    ),
  );
  const removals = records.run(map.retire([0, 1]));
  records.write([...next.changes, ...removals]);
  const fresh = records.run(SparseMap.open(crypto, PREFIX, next.at));
  expect(fresh.at).toEqual(next.at);
  expect(keysOf(late, "g")).toEqual([]);
});

test("a garbage list that names anything but pages deletes nothing", () => {
  const world = new World({ leavesPerSubtree: 16 });
  for (const batch of inBatches(
    Array.from({ length: 600 }, (_, i) => pathOf(i)),
    [200],
  ))
    world.append(batch);
  const key = [...world.records.all.keys()].find((key) => fromHex(key)[SPACE] === 0x67)!;
  for (const bad of [[2, 0x62, 0], [9, 0x70], [0], [8, 0x70, 9, 0, 0, 0, 0, 0, 0]]) {
    world.records.write([[fromHex(key), Uint8Array.from(bad)]]);
    expect(() => world.retire(world.versions.slice(0, 2))).toThrow(SparseMapError);
  }
});
