/**
 * Values of entries that are here already: those that were left out while values were asked for on demand, and those
 * that no place had. Each answer is stored as it comes, and whoever else waits has a turn between two answers.
 */
import { readSomeValues, type LogAtRemote } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import type { Hash } from "@trustix/protocol";
import type { CatchUpOptions } from "./catch-up.ts";
import { type CaughtUp, noRoom } from "./caught-up.ts";
import { FetchError } from "./fetch-chunks.ts";

/** Entries, or notes of missing values, that are gone through at once. */
const RUN = 1000;

/** Why it ended before the last value: others wait, or `undefined`: another head is to be copied first. */
type Ended = { readonly kind: "ended"; readonly result: CaughtUp | undefined };

/** `undefined`: all that `at` has is here, or there is another head to copy first. Throws `FetchError`. */
export async function fillValues(options: CatchUpOptions, at: LogAtRemote): Promise<CaughtUp | undefined> {
  const { log } = options;
  await log.settle();
  while (log.valued < log.entries) {
    const finish = Math.min(log.valued + RUN, log.entries) - 1;
    const digests = (await log.stored(log.valued, finish)).map(({ valueDigest }) => valueDigest);
    // Those that are noted were asked for in an earlier turn, and will be again when all others are here.
    const [lacks, noted] = [await log.lacks(digests), await log.noted(digests)];
    const wanted = digests.filter((_, i) => lacks[i] && !noted[i]);
    const ended = await askFor(options, at, wanted);
    if (ended !== undefined) return ended.result;
    await log.keepValues([], [], finish + 1);
  }
  return undefined;
}

/** How far a look for missing values has come: each is asked for once a pass, however many turns that takes. */
export interface MissingPass {
  after: Hash | undefined;
}

/**
 * Asks all places once more for values that none had; what is still missing stays so until the next pass. `undefined`:
 * there is another head to copy first.
 */
export async function fillMissing(options: CatchUpOptions): Promise<CaughtUp | undefined> {
  const { log, missing: pass, order } = options;
  let places = order.sorted(options.sources());
  while (places.length > 0) {
    const missing = await log.missing(pass.after, RUN);
    if (missing.length === 0) break;
    for (const at of places) {
      try {
        const ended = await askFor(options, at, await stillMissing(options, missing));
        if (ended !== undefined) return ended.result;
      } catch (error) {
        if (!(error instanceof FetchError)) throw error;
        if (options.signal.aborted) return { kind: "interrupted" };
        order.noteTrouble(at);
        places = places.filter((other) => other !== at);
      }
    }
    pass.after = missing.at(-1);
  }
  pass.after = undefined;
  return { kind: "done" };
}

async function stillMissing({ log }: CatchUpOptions, digests: readonly Hash[]): Promise<Hash[]> {
  const lacks = await log.lacks(digests);
  await log.forgetMissing(digests.filter((_, i) => !lacks[i]));
  return digests.filter((_, i) => lacks[i]);
}

/** Stores what `at` has of these values, an answer at a time. */
async function askFor(options: CatchUpOptions, at: LogAtRemote, digests: readonly Hash[]): Promise<Ended | undefined> {
  const { log, target, signal, timeoutMs } = options;
  let left = [...new Map(digests.map((digest) => [toHex(digest), digest])).values()];
  while (left.length > 0) {
    if (signal.aborted || options.isOver()) return { kind: "ended", result: { kind: "interrupted" } };
    if ((target()?.treeSize ?? 0) > log.entries) return { kind: "ended", result: undefined };
    const full = await noRoom(options.room);
    if (full !== undefined) return { kind: "ended", result: full };
    const some = await readSomeValues(at, left, { signal, timeoutMs });
    if (some.kind !== "some_values") throw new FetchError(some);
    await log.keepValues(left.slice(0, some.values.length), some.values, log.valued);
    left = left.slice(some.values.length);
  }
  return undefined;
}
