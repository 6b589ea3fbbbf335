/** Gathering for a filter: nothing lost, nothing out of order, no memory kept that is the caller's again. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Filter } from "../../src/proxy/filter.ts";
import { GatheringFilter } from "../../src/proxy/gathering-filter.ts";
import { noise } from "./world.ts";

/** A filter that is done with a piece when it is told so, and looks at the piece only then. */
class SlowFilter implements Filter {
  readonly taken: Uint8Array[] = [];
  readonly #waiting: (() => void)[] = [];

  async write(chunk: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.taken.push(Uint8Array.from(chunk));
  }

  get atOnce(): number {
    return this.#waiting.length;
  }

  /** Ends the work on a piece. */
  async done(): Promise<void> {
    this.#waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  end = async (): Promise<void> => undefined;
  destroy = (): void => undefined;
}

const PIECE = 256 * 1024;

test("what is written comes in order and whole, a piece at a time, though the writer uses its memory again", async () => {
  const sizes = fc.array(fc.oneof(fc.nat(5000), fc.nat(3 * PIECE)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(2 * PIECE), async (lengths, expected) => {
      const filter = new SlowFilter();
      const gathering = new GatheringFilter(filter, expected);
      const all = noise(
        lengths.reduce((a, b) => a + b, 0),
        "all",
      );
      let at = 0;
      const writing = (async () => {
        for (const length of lengths) {
          const chunk = Uint8Array.from(all.subarray(at, at + length));
          await gathering.write(chunk);
          chunk.fill(0);
          at += length;
        }
        await gathering.end();
        return "done" as const;
      })();
      const turn = () => filter.done().then(() => undefined);
      while ((await Promise.race([writing, turn()])) === undefined) expect(filter.atOnce).toBeLessThanOrEqual(1);
      expect(Buffer.concat(filter.taken).equals(all)).toBe(true);
      for (const piece of filter.taken) expect(piece.length).toBeLessThanOrEqual(PIECE);
    }),
    { numRuns: 30 },
  );
});

test("a writer waits only until the filter takes up what has gathered, not until it is done with it", async () => {
  const filter = new SlowFilter();
  const gathering = new GatheringFilter(filter, 10 * PIECE);
  let written = 0;
  const writing = (async () => {
    for (; written < 4; written++) await gathering.write(new Uint8Array(PIECE));
    await gathering.end();
  })();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await settled();
  // The first is at the filter, and waited for.
  expect(written).toBe(0);
  await filter.done();
  // The second is at the filter, the third has gathered, the fourth finds no room.
  expect(written).toBe(3);
  await filter.done();
  expect(written).toBe(4);
  await filter.done();
  await filter.done();
  await writing;
});

test("a failure is told to the first write at once, later to the next one and to the end", async () => {
  const failing = (after: number): GatheringFilter => {
    const inner = {
      write: async (): Promise<void> => {
        if (after-- <= 0) throw new Error("no such stream");
      },
      end: async (): Promise<void> => undefined,
      destroy: (): void => undefined,
    };
    return new GatheringFilter(inner, PIECE);
  };
  await expect(failing(0).write(new Uint8Array(10))).rejects.toThrow("no such stream");

  const later = failing(1);
  await later.write(new Uint8Array(10));
  await later.write(new Uint8Array(10));
  await new Promise((resolve) => setImmediate(resolve));
  await expect(later.write(new Uint8Array(10))).rejects.toThrow("no such stream");
  await expect(later.end()).rejects.toThrow("no such stream");
});

test("nothing written ends as nothing", async () => {
  const filter = new SlowFilter();
  const gathering = new GatheringFilter(filter, 100);
  await gathering.write(new Uint8Array());
  await gathering.end();
  expect(filter.taken).toEqual([]);
});
