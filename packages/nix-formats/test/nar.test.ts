import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import { utf8 } from "@trustix/crypto";
import {
  checkNar,
  eventsOf,
  formatNix32Hash,
  hashNar,
  hashPartOf,
  narOf,
  NarReader,
  NixFormatError,
  parseNarInfo,
  sha256Hash,
  storePathOfBaseName,
  writeNar,
  type NarEvent,
  type NarLimits,
  type NarTree,
} from "../src/index.ts";
import { narTree } from "./arbitraries.ts";
import { fixture, fixturesIn, fixtureText, runs } from "./fixtures.ts";

const crypto = nodeCrypto();

function eventsIn(nar: Uint8Array, chunk: number, limits: Partial<NarLimits> = {}): NarEvent[] {
  const events: NarEvent[] = [];
  const onEvent = (event: NarEvent) =>
    void events.push(event.type === "contents" ? { type: "contents", bytes: event.bytes.slice() } : event);
  const reader = new NarReader(crypto, { onEvent, limits });
  for (let at = 0; at < nar.length; at += chunk) reader.push(nar.subarray(at, at + chunk));
  reader.finish();
  return events;
}

describe.each(fixturesIn("nar"))("$name", ({ name, file, bytes }) => {
  const version = name.split("/")[0]!;

  test("has the hash and size that nix says", () => {
    const path = storePathOfBaseName(file.replace(/\.nar$/, ""));
    const info = parseNarInfo(fixture(version, `narinfo/none/${hashPartOf(path)}.narinfo`));
    const { narHash, narSize } = checkNar(crypto, bytes);
    expect({ narHash, narSize }).toEqual({ narHash: info.narHash, narSize: info.narSize });
    const paths = fixtureText(version, "path-info/paths.txt").trim().split("\n");
    const hashes = fixtureText(version, "path-info/hashes.txt").trim().split("\n");
    expect(hashes[paths.indexOf(path)]).toBe(formatNix32Hash(sha256Hash(narHash)));
  });

  test.each([1, 7, 4096])("read in chunks of %i, it writes back to nix's bytes", (chunk) => {
    expect(Buffer.concat([...writeNar(eventsIn(bytes, chunk))]).equals(bytes)).toBe(true);
  });
});

test("any tree written is read as the same events, whatever the chunks", () => {
  fc.assert(
    fc.property(narTree, fc.integer({ min: 1, max: 50 }), (tree, chunk) => {
      const nar = narOf(tree);
      expect(Buffer.concat([...writeNar(eventsIn(nar, chunk))]).equals(nar)).toBe(true);
      expect(hashNar(crypto, eventsOf(tree))).toEqual(checkNar(crypto, nar));
    }),
    runs(200),
  );
});

test("a changed, cut or lengthened NAR is another NAR or refused with a NixFormatError", () => {
  fc.assert(
    fc.property(narTree, fc.nat(), fc.nat(255), fc.nat(), (tree, at, byte, length) => {
      const nar = narOf(tree);
      const changed = nar.slice(0, length % 3 === 0 ? length % nar.length : nar.length);
      if (changed.length > 0) changed[at % changed.length] = byte;
      try {
        expect(Buffer.concat([...writeNar(eventsIn(changed, 64))]).equals(changed)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(NixFormatError);
      }
    }),
    runs(500),
  );
});

const file = (contents: string): NarTree => ({ type: "regular", contents: utf8(contents) });

test("entries are written sorted by bytes, whatever order they come in", () => {
  const names = ["a b", "a", "b", "a.b", "a-b", "Ä"];
  const tree = (order: readonly string[]): NarTree => ({
    type: "directory",
    entries: order.map((name) => [name, file(name)] as const),
  });
  expect(narOf(tree(names))).toEqual(narOf(tree(names.toReversed())));
  const read = eventsIn(narOf(tree(names)), 16).flatMap((event) =>
    event.type === "entry" ? [Buffer.from(event.name).toString()] : [],
  );
  expect(read).toEqual(["a", "a b", "a-b", "a.b", "b", "Ä"]);
});

const entry = (name: string): NarEvent => ({ type: "entry", name: utf8(name) });
const regular = (size: number): NarEvent => ({ type: "regular", executable: false, size });
const contents = (text: string): NarEvent => ({ type: "contents", bytes: utf8(text) });
const directory: NarEvent = { type: "directory" };
const end: NarEvent = { type: "end" };
const link: NarEvent = { type: "symlink", target: utf8("x") };

test.each<[string, NarEvent[]]>([
  ["event 0: the events end early", []],
  ["event 0: an entry outside of a directory", [entry("a")]],
  ["event 0: the end of a directory that is not open", [end]],
  ["event 1: a symlink where none may stand", [link, link]],
  ["event 1: a directory where none may stand", [directory, directory]],
  ["event 2: the events end early", [directory, entry("a")]],
  ["event 1: more contents than the file has", [regular(2), contents("abc")]],
  ["event 2: the events end early", [regular(2), contents("a")]],
  ['event 1: the file name "." or ".."', [directory, entry("..")]],
  ['event 1: a file name with "/" or NUL', [directory, entry("a/b")]],
  ["event 3: a file name twice in one directory", [directory, entry("a"), link, entry("a")]],
  ["event 3: file names that are not sorted", [directory, entry("b"), link, entry("a")]],
])("the writer refuses events that are no NAR: %s", (why, events) => {
  expect(() => [...writeNar(events)]).toThrow(`nar: ${why}`);
});

test("depth, names, targets and size are bounded, in the reader and in the writer", () => {
  let deep = file("");
  for (let i = 0; i < 5; i++) deep = { type: "directory", entries: [["d", deep]] };
  const cases: [NarTree, Partial<NarLimits>, string][] = [
    [deep, { maxDepth: 4 }, "more than 4 directories inside each other"],
    [{ type: "directory", entries: [["abc", file("")]] }, { maxName: 2 }, "at most 2"],
    [{ type: "symlink", target: "a".repeat(14) }, { maxTarget: 13 }, "13"],
    [file("a".repeat(1000)), { maxSize: 1000 }, "a file of 1000 bytes in an archive of at most 1000"],
    [deep, { maxSize: 100 }, "more than 100 bytes"],
  ];
  for (const [tree, limits, why] of cases) {
    const nar = narOf(tree);
    expect(() => eventsIn(nar, 8, limits)).toThrow(why);
    eventsIn(nar, 8);
    if (limits.maxSize === undefined) expect(() => [...writeNar(eventsOf(tree), limits)]).toThrow(NixFormatError);
  }
});

test("a directory of the greatest depth is read without recursion", () => {
  let tree = file("bottom");
  for (let i = 0; i < 2048; i++) tree = { type: "directory", entries: [["d", tree]] };
  const nar = narOf(tree);
  expect(Buffer.concat([...writeNar(eventsIn(nar, 997))]).equals(nar)).toBe(true);
});

test("a promised length is no reason to allocate: eight bytes claim a petabyte, nothing is held", () => {
  const nar = narOf(file("x")).slice();
  const at = Buffer.from(nar).indexOf("contents") + 8;
  new DataView(nar.buffer).setBigUint64(at, 2n ** 50n, true);
  const reader = new NarReader(crypto);
  reader.push(nar);
  expect(() => reader.finish()).toThrow("the archive ends early");
});

test("a reader that failed repeats its error", () => {
  const reader = new NarReader(crypto);
  expect(() => reader.push(new Uint8Array(8).fill(255))).toThrow("nar: byte 0: a length over 2^53");
  expect(() => reader.push(narOf(file("x")))).toThrow("nar: byte 0: a length over 2^53");
  expect(() => reader.finish()).toThrow("nar: byte 0");
});
