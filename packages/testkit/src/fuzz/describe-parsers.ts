/**
 * The tests that every parser of outside bytes has: its corpus, and whatever else comes. Bytes give a value, which
 * prints to bytes that give it again, or the parser's own error with a message of bounded length; never another error,
 * and never more time than reading takes.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { corpusFiles, strayNames, type CorpusFile } from "./corpus.ts";
import { floods, hostileBytes } from "./hostile-bytes.ts";

export interface Parser<T> {
  readonly read: (bytes: Uint8Array) => T | Promise<T>;
  /** Bytes that `read` takes for an equal value; left out for what is never written. */
  readonly print?: (value: T) => Uint8Array;
  /** Bytes of valid values: what is damaged. */
  readonly good: fc.Arbitrary<Uint8Array>;
  /** The parser's own errors. */
  readonly isRefusal: (error: unknown) => boolean;
  /** A message has at most so many characters; 600 unless told. */
  readonly maxMessage?: number;
  /** How often the property is tried; 150 unless told. */
  readonly runs?: number;
}

/** Keeps the type of a parser's values in a list of parsers. */
export function parser<T>(of: Parser<T>): Parser<unknown> {
  return of as unknown as Parser<unknown>;
}

/** What the limits of parsers here still allow: nothing is cheaper to refuse than what is larger. */
const FLOOD_BYTES = [4 << 10, 64 << 10, 1 << 20];
const FLOOD_CPU_MS = 1500;

/** Declares the tests of parsers by format; `folder` is their corpus. `SLOW=1` tries properties twenty times as often. */
export function describeParsers(folder: string, parsers: Readonly<Record<string, Parser<unknown>>>): void {
  test("every corpus file has its outcome, and every outcome its file", () => {
    const files = Object.keys(parsers).flatMap((format) => corpusFiles(folder, format));
    expect(files.filter(({ refusal }) => refusal === undefined).map(({ name }) => name)).toEqual([]);
    expect(strayNames(folder, Object.keys(parsers))).toEqual([]);
  });

  describe.each(Object.entries(parsers))("%s", (format, of) => {
    const files = corpusFiles(folder, format);
    test.each(files)("$name ends as the corpus says", (file) => endsAs(of, file));

    test("any bytes are read, and printed and read again, or refused", async () => {
      const good = fc.oneof(of.good, fc.constantFrom(...files.map(({ bytes }) => bytes)));
      const numRuns = (of.runs ?? 150) * (process.env["SLOW"] === "1" ? 20 : 1);
      await fc.assert(
        fc.asyncProperty(hostileBytes(good), async (bytes) => void (await readOrRefused(of, bytes))),
        { numRuns },
      );
    });

    test("a flood is answered at once", async () => {
      const [good] = fc.sample(of.good, { numRuns: 1, seed: 1 });
      for (const flood of FLOOD_BYTES.flatMap((size) => floods(good!, size))) {
        // The thread's own time: other tests run beside this one.
        const before = process.threadCpuUsage();
        await readOrRefused(of, flood);
        const { user, system } = process.threadCpuUsage(before);
        const start = JSON.stringify(Buffer.from(flood.subarray(0, 8)).toString("latin1"));
        expect((user + system) / 1000, `ms for ${flood.length} bytes of ${start}`).toBeLessThan(FLOOD_CPU_MS);
      }
    });
  });
}

async function endsAs(of: Parser<unknown>, { bytes, refusal }: CorpusFile): Promise<void> {
  const error = await readOrRefused(of, bytes);
  expect(error === undefined ? null : error.message).toBe(refusal);
}

/** The refusal, `undefined` for what is read; fails for anything else. */
async function readOrRefused(of: Parser<unknown>, bytes: Uint8Array): Promise<Error | undefined> {
  const before = bytes.slice();
  let value: unknown;
  try {
    value = await of.read(bytes);
  } catch (error) {
    if (!of.isRefusal(error)) throw error;
    expect((error as Error).message.length).toBeLessThanOrEqual(of.maxMessage ?? 600);
    return error as Error;
  }
  expect(Buffer.compare(bytes, before)).toBe(0);
  if (of.print) expect(await of.read(of.print(value))).toEqual(value);
  return undefined;
}
