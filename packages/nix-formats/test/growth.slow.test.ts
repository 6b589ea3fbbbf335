/** Reading takes time in proportion to the input, also for the input that would hurt a careless parser most. */
import { expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import { utf8 } from "@trustix/crypto";
import { narOf, NarReader, parseDerivation, parseNarInfo, parsePathInfos, type NarTree } from "../src/index.ts";

const crypto = nodeCrypto();
const HASH = "14zmd4y3f3glkd6dd2jy6vhxp9fchzkb";
const NAR_HASH = "sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa";
const times = <T>(n: number, item: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => item(i));

function narinfo(references: number): Uint8Array {
  const names = times(references, (i) => `${HASH}-${references - i}`).join(" ");
  return utf8(`StorePath: /nix/store/${HASH}-a\nURL: x\nNarHash: ${NAR_HASH}\nNarSize: 1\nReferences: ${names}\n`);
}

function directory(entries: number): NarTree {
  return { type: "directory", entries: times(entries, (i) => [`name-${i}`, { type: "regular", contents: utf8("x") }]) };
}

function read(nar: Uint8Array, chunk: number): void {
  const reader = new NarReader(crypto);
  for (let at = 0; at < nar.length; at += chunk) reader.push(nar.subarray(at, at + chunk));
  reader.finish();
}

function refused(call: () => void): void {
  expect(call).toThrow(/narinfo|derivation/);
}

interface Case {
  readonly name: string;
  readonly size: number;
  /** Prepares input of size n; the returned call is timed. */
  readonly prepare: (n: number) => () => void;
}

const CASES: readonly Case[] = [
  {
    name: "narinfo with n references",
    size: 4000,
    prepare: (n) => {
      const bytes = narinfo(n);
      return () => void parseNarInfo(bytes);
    },
  },
  {
    name: "narinfo of n empty lines without an end",
    size: 200_000,
    prepare: (n) => {
      const bytes = utf8(`${"\n".repeat(n)}x`);
      return () => refused(() => parseNarInfo(bytes));
    },
  },
  {
    name: "NAR with n entries, byte by byte",
    size: 500,
    prepare: (n) => {
      const nar = narOf(directory(n));
      return () => read(nar, 1);
    },
  },
  {
    name: "derivation with n variables",
    size: 8000,
    prepare: (n) => {
      const env = times(n, (i) => `("k${i}","v\\n${i}")`).join(",");
      const bytes = utf8(`Derive([],[],[],"s","b",[],[${env}])`);
      return () => void parseDerivation(bytes);
    },
  },
  {
    name: "derivation with a string of n backslashes and no end",
    size: 1_000_000,
    prepare: (n) => {
      const bytes = utf8(`Derive([("${"\\".repeat(n)}`);
      return () => refused(() => parseDerivation(bytes));
    },
  },
  {
    name: "path-info of n paths",
    size: 2000,
    prepare: (n) => {
      const item = (i: number) => [`/nix/store/${HASH}-${i}`, { narHash: NAR_HASH, narSize: 1, references: [] }];
      const bytes = utf8(JSON.stringify(Object.fromEntries(times(n, item))));
      return () => void parsePathInfos(bytes);
    },
  },
];

/** The least of several runs: other work on the machine only ever adds. */
function milliseconds(call: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run++) {
    const start = performance.now();
    call();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

test.each(CASES)("$name: time grows linearly", ({ size, prepare }) => {
  const measured = [1, 2, 4].map((factor) => milliseconds(prepare(size * factor)));
  // 1 is linear, 2 is quadratic; sorting and noise take their share.
  const exponent = Math.log2(measured[2]! / measured[0]!) / 2;
  expect(exponent, `took ${measured.map((ms) => ms.toFixed(2)).join(", ")} ms`).toBeLessThan(1.6);
});
