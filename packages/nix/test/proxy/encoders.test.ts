/** Compressing in pieces: what every compression makes is whole only after its end. */
import { beforeAll, describe, expect, test } from "vitest";
import { Encoders } from "../../src/proxy/encoders.ts";
import type { OnOutput } from "../../src/proxy/filter.ts";
import { COMPRESSIONS } from "../../src/proxy/nar-name.ts";
import { findPrograms, type Programs } from "../../src/proxy/programs.ts";
import { decompress, noise } from "./world.ts";

let programs: Programs;
beforeAll(async () => {
  programs = await findPrograms(process.env["PATH"] ?? "");
});

const PIECE = 10_000;

describe.each(COMPRESSIONS.filter((name) => name !== "none"))("%s", (compression) => {
  const plain = Buffer.concat([noise(400_000, compression), Buffer.alloc(600_000)]);
  const open = (onOutput: OnOutput) => new Encoders(programs).open(compression, plain.length, onOutput);

  async function writeAll(encoder: ReturnType<typeof open>): Promise<void> {
    for (let at = 0; at < plain.length; at += PIECE) await encoder.write(plain.subarray(at, at + PIECE));
  }

  test("what goes in in pieces comes out whole, and not before the end", async () => {
    const out: Uint8Array[] = [];
    const encoder = open((chunk) => void out.push(Uint8Array.from(chunk)));
    await writeAll(encoder);
    const before = Buffer.concat(out);
    expect(() => decompress(compression, before)).toThrow();
    await encoder.end();
    encoder.destroy();
    expect(decompress(compression, Buffer.concat(out)).equals(plain)).toBe(true);
  });

  test("what went in comes out although its memory is used again", async () => {
    const out: Uint8Array[] = [];
    const encoder = open((chunk) => void out.push(Uint8Array.from(chunk)));
    const buffer = new Uint8Array(PIECE);
    for (let at = 0; at < plain.length; at += PIECE) {
      buffer.set(plain.subarray(at, at + PIECE));
      await encoder.write(buffer);
    }
    await encoder.end();
    encoder.destroy();
    expect(decompress(compression, Buffer.concat(out)).equals(plain)).toBe(true);
  });

  test("waits while its output is not taken", async () => {
    let taken = 0;
    let most = 0;
    const encoder = open(async () => {
      taken++;
      most = Math.max(most, taken);
      await new Promise((resolve) => setTimeout(resolve, 5));
      taken--;
    });
    await writeAll(encoder);
    await encoder.end();
    encoder.destroy();
    // Node flushes the last piece of a program that ended, a pipe's buffer at most.
    expect(most).toBeLessThanOrEqual(2);
  });

  test("fails without blaming anybody when what comes out is not wanted any more", async () => {
    const encoder = open(() => {
      throw new Error("enough");
    });
    const all = async () => {
      await writeAll(encoder);
      await encoder.end();
    };
    await expect(all()).rejects.toMatchObject({ kind: "recompression", message: expect.stringContaining("enough") });
    encoder.destroy();
  });

  test("given up in the middle it fails", async () => {
    const encoder = open(() => undefined);
    await encoder.write(plain.subarray(0, PIECE));
    encoder.destroy();
    await expect(encoder.end()).rejects.toMatchObject({ kind: "recompression" });
  });
});

test("xz and bzip2 are made by their programs only, all else always", () => {
  const bare = new Encoders({ xz: undefined, bzip2: undefined });
  expect(COMPRESSIONS.filter((name) => !bare.supports(name))).toEqual(["xz", "bzip2"]);
  expect(() => bare.open("xz", 1, () => undefined)).toThrow("there is no xz program");
});
