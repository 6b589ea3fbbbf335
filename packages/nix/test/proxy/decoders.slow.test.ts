/** Decompressing in pieces: every compression, every program, every way to be broken. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Decoders, releaseOutput } from "../../src/proxy/decoders.ts";
import { NarCheck } from "../../src/proxy/nar-check.ts";
import { COMPRESSIONS, type Compression } from "../../src/proxy/nar-name.ts";
import { findPrograms, type Programs } from "../../src/proxy/programs.ts";
import { compress, crypto, noise, packageOf } from "./world.ts";

let programs: Programs;
beforeAll(async () => {
  programs = await findPrograms(process.env["PATH"] ?? "");
});

/** `size`: what is said to come out. */
async function decode(
  decoders: Decoders,
  compression: Exclude<Compression, "none">,
  pieces: readonly Uint8Array[],
  size: number,
) {
  const out: Uint8Array[] = [];
  const decoder = await decoders.open(compression, size, (chunk) => {
    out.push(Uint8Array.from(chunk));
    return undefined;
  });
  try {
    for (const piece of pieces) await decoder.write(piece);
    await decoder.end();
  } finally {
    decoder.destroy();
  }
  return Buffer.concat(out);
}

function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

const compressed = COMPRESSIONS.filter((name) => name !== "none");
const cases = [...compressed.map((name) => [name, true] as const), ["xz", false] as const];

describe.each(cases)("%s (by its program if there is one: %s)", (compression, byProgram) => {
  const decoders = () => new Decoders(byProgram ? programs : { xz: undefined, bzip2: undefined });
  const plain = Buffer.concat([noise(40_000, compression), Buffer.alloc(100_000)]);
  const file = compress(compression, plain);

  test.each([1 << 20, 1000, 7])("comes out whole when it comes in pieces of %i bytes", async (size) => {
    const pieces = size === 7 ? [...inPieces(file.subarray(0, 700), 7), file.subarray(700)] : inPieces(file, size);
    expect((await decode(decoders(), compression, pieces, plain.length)).equals(plain)).toBe(true);
  });

  test("comes out whole although the memory of what went in is used again", async () => {
    const buffer = new Uint8Array(5000);
    const out: Uint8Array[] = [];
    const decoder = await decoders().open(compression, plain.length, (chunk) => void out.push(Uint8Array.from(chunk)));
    for (const piece of inPieces(file, buffer.length)) {
      buffer.set(piece);
      await decoder.write(buffer.subarray(0, piece.length));
    }
    await decoder.end();
    decoder.destroy();
    expect(Buffer.concat(out).equals(plain)).toBe(true);
  });

  test.each<[string, (file: Uint8Array) => Uint8Array]>([
    ["empty", () => new Uint8Array()],
    ["cut in the middle", (whole) => whole.subarray(0, whole.length / 2)],
    ["cut before its last byte", (whole) => whole.subarray(0, -1)],
    ["garbage", () => noise(1000, "garbage")],
    ["followed by garbage", (whole) => Buffer.concat([whole, noise(100, "tail")])],
  ])("is refused when it is %s", async (_name, broken) => {
    await expect(decode(decoders(), compression, inPieces(broken(file), 4096), plain.length)).rejects.toThrow();
  });

  test("stops when what comes out is not wanted any more", async () => {
    const decoder = await decoders().open(compression, plain.length, () => {
      throw new Error("enough");
    });
    const all = (async () => {
      for (const piece of inPieces(file, 4096)) await decoder.write(piece);
      await decoder.end();
    })();
    await expect(all).rejects.toThrow("enough");
    decoder.destroy();
  });

  test("waits while its output is not taken", async () => {
    let taken = 0;
    let most = 0;
    const decoder = await decoders().open(compression, plain.length, async (chunk) => {
      taken++;
      most = Math.max(most, taken);
      await new Promise((resolve) => setTimeout(resolve, 5));
      taken--;
      void chunk;
    });
    await decoder.write(file);
    await decoder.end();
    decoder.destroy();
    // Node flushes the last piece of a program that ended, a pipe's buffer at most.
    expect(most).toBeLessThanOrEqual(2);
  });
});

test("zstd and gzip files of several parts come out whole, wherever the pieces are cut", async () => {
  const parts = [noise(300, "a"), new Uint8Array(), noise(5, "b")];
  const plain = Buffer.concat(parts);
  for (const compression of ["zstd", "gzip"] as const) {
    const file = Buffer.concat(parts.map((part) => compress(compression, part)));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(file.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), file.length];
        const pieces = at.slice(1).map((end, i) => file.subarray(at[i], end));
        const out = await decode(new Decoders(programs), compression, pieces, plain.length);
        expect(out.equals(plain)).toBe(true);
      }),
      { numRuns: 40 },
    );
  }
});

test("the memory of a decompressor's full buffer is given back when its last part is, and no other", async () => {
  const plain = noise(3 << 20, "full");
  const file = compress("zstd", plain);
  const seen: { output: Uint8Array; toTheEnd: boolean }[] = [];
  const out: Uint8Array[] = [];
  const decoder = await new Decoders(programs).open("zstd", plain.length, (output) => {
    out.push(Uint8Array.from(output));
    const toTheEnd = output.byteOffset + output.length === output.buffer.byteLength;
    releaseOutput(output);
    seen.push({ output, toTheEnd });
    return undefined;
  });
  for (const piece of inPieces(file, 300_000)) await decoder.write(piece);
  await decoder.end();
  decoder.destroy();
  expect(Buffer.concat(out).equals(plain)).toBe(true);
  expect(seen.filter(({ toTheEnd }) => toTheEnd).length).toBeGreaterThanOrEqual(5);
  for (const { output, toTheEnd } of seen) if (toTheEnd) expect(output.length).toBe(0);
  const pooled = Buffer.allocUnsafe(100);
  const foreign = new Uint8Array(1000);
  for (const other of [pooled, foreign]) {
    releaseOutput(other);
    expect(other.length).toBeGreaterThan(0);
  }
});

test("bzip2 without its program is not supported, all else is", () => {
  const bare = new Decoders({ xz: undefined, bzip2: undefined });
  expect(COMPRESSIONS.filter((name) => !bare.supports(name))).toEqual(["bzip2"]);
});

test("programs are found in PATH only where they can be run", async () => {
  expect(await findPrograms("")).toEqual({ xz: undefined, bzip2: undefined });
  expect(await findPrograms("relative:/nonexistent:/etc")).toEqual({ xz: undefined, bzip2: undefined });
  expect(programs.xz).toMatch(/^\/.*\/xz$/);
});

test("a program that cannot be run does not count against the source of the file", async () => {
  const pkg = packageOf("hello");
  const check = await NarCheck.open({
    crypto,
    facts: pkg.facts,
    compression: "xz",
    decoders: new Decoders({ xz: "/nonexistent/xz", bzip2: undefined }),
  });
  await check.write(compress("xz", pkg.nar))?.catch(() => undefined);
  await expect(check.finish()).rejects.toMatchObject({ kind: "unsupported" });
});

describe("a bomb", () => {
  const bomb = Buffer.alloc(64 << 20);
  let rss = 0;
  afterAll(() => expect(process.memoryUsage().rss - rss).toBeLessThan(300 << 20));

  test.each(compressed)("in %s is stopped at the size that was decided on", async (compression) => {
    const file = compress(compression, bomb);
    rss = Math.max(rss, process.memoryUsage().rss);
    const check = await NarCheck.open({
      crypto,
      facts: packageOf("hello").facts,
      compression,
      decoders: new Decoders(programs),
    });
    const all = (async () => {
      for (const piece of inPieces(file, 65_536)) await check.write(piece);
      await check.finish();
    })();
    await expect(all).rejects.toMatchObject({ kind: "mismatch", message: expect.stringContaining("more than") });
    check.destroy();
  });
});
