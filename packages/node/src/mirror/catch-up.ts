/**
 * Brings the copy of one log up to the head that the follower holds: from whichever place delivers entries that the
 * head commits to, chunk by chunk. What a place delivers wrongly is not stored and costs it its turn; what the signed
 * head itself gets wrong is told apart, and nothing is served under it.
 */
import { readSomeValues, type LogAtRemote, type Trouble } from "@trustix/client";
import { LogProofError, verifyConsistency } from "@trustix/merkle";
import { LogAPI } from "@trustix/proto";
import { proofFromWire, type Hash, type LogHead } from "@trustix/protocol";
import { troubleOf } from "@trustix/client";
import type { Clock } from "../model.ts";
import { FetchError, fetchChunks } from "./fetch-chunks.ts";
import { ForeignEntriesError, LieError, type MirroredLog } from "./mirrored-log.ts";

export interface CatchUpOptions {
  readonly log: MirroredLog;
  /** What is to be reached; read anew whenever one head is. */
  readonly target: () => LogHead | undefined;
  /** Best first. */
  readonly sources: () => readonly LogAtRemote[];
  /** Whether values come along; otherwise only their digests are known. */
  readonly eager: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Entries stored in one batch at most. */
  readonly chunkEntries: number;
  /** True when others should have their turn. */
  readonly isOver: () => boolean;
  /** Told after every chunk. */
  readonly onProgress: (entries: number, target: number) => void;
}

export type CaughtUp =
  | { readonly kind: "done" }
  /** There is more to do, and others wait. */
  | { readonly kind: "interrupted" }
  /** No place delivered what is missing. */
  | { readonly kind: "stuck"; readonly why: string; readonly cause: Trouble["kind"] }
  /** The signed head does not fit its own entries. */
  | { readonly kind: "lie"; readonly head: LogHead; readonly error: LieError; readonly at: LogAtRemote };

/** Throws what the store throws. */
export async function catchUp(options: CatchUpOptions): Promise<CaughtUp> {
  const { log } = options;
  for (;;) {
    const target = options.target();
    if (target === undefined) return { kind: "done" };
    const served = log.served?.head.treeSize ?? -1;
    if (served >= target.treeSize && (!options.eager || log.valued === log.entries)) return fillMissing(options);
    const result = await fromAnySource(options, (at) => copyFrom(options, at, target));
    if (result !== undefined) return result;
  }
}

/** `undefined`: one source was enough. */
async function fromAnySource(
  options: CatchUpOptions,
  copy: (at: LogAtRemote) => Promise<CaughtUp | undefined>,
): Promise<CaughtUp | undefined> {
  let failure: CaughtUp = { kind: "stuck", cause: "unreachable", why: "no remote has it" };
  for (const at of options.sources()) {
    try {
      return await copy(at);
    } catch (error) {
      const trouble = troubleWith(error);
      if (trouble === undefined) throw error;
      if (options.signal.aborted) return { kind: "interrupted" };
      failure = { kind: "stuck", cause: trouble.kind, why: `${at.transport.url}: ${trouble.why}` };
      if (options.isOver()) break;
    }
  }
  return failure;
}

/** What a place is to blame for; `undefined` for errors of ours. */
function troubleWith(error: unknown): Pick<Trouble, "kind" | "why"> | undefined {
  if (error instanceof FetchError) return error.trouble;
  if (error instanceof ForeignEntriesError) return { kind: "unverifiable", why: error.message };
  return undefined;
}

async function copyFrom(options: CatchUpOptions, at: LogAtRemote, target: LogHead): Promise<CaughtUp | undefined> {
  const { log, clock, signal, timeoutMs, chunkEntries } = options;
  await log.settle();
  if (options.eager && log.valued < log.entries) return fillValues(options, at);
  const lacks = options.eager ? (digests: readonly Hash[]) => log.lacks(digests) : undefined;
  const fetch = { at, from: log.entries, to: target.treeSize, lacks, clock, signal, timeoutMs, chunkEntries };
  const prove = (size: number, root: Hash): Promise<void> => provePrefix(at, size, root, target, options);
  try {
    let isEmpty = true;
    for await (const chunk of fetchChunks(fetch)) {
      isEmpty = false;
      await log.append(chunk, options.eager, target, prove);
      options.onProgress(chunk.first + chunk.entries.length, target.treeSize);
      if (signal.aborted || (options.isOver() && chunk.first + chunk.entries.length < target.treeSize)) {
        await log.settle();
        return { kind: "interrupted" };
      }
    }
    // All entries were here already, or there are none: what is missing is the look at the roots.
    if (isEmpty) await log.append({ first: log.entries, entries: [] }, options.eager, target, prove);
    await log.settle();
    return undefined;
  } catch (error) {
    if (error instanceof LieError) return { kind: "lie", head: target, error, at };
    // What came before the failure is stored.
    if (troubleWith(error) !== undefined) await log.settle();
    throw error;
  }
}

/** Shows that the tree with this root grew into the target's. Throws `FetchError`, `ForeignEntriesError`. */
async function provePrefix(
  at: LogAtRemote,
  size: number,
  root: Hash,
  target: LogHead,
  { signal, timeoutMs }: Pick<CatchUpOptions, "signal" | "timeoutMs">,
): Promise<void> {
  const request = { LogID: at.log.id, FirstSize: BigInt(size), SecondSize: BigInt(target.treeSize) };
  let proof: Hash[];
  try {
    const options = { signal, timeoutMs };
    proof = proofFromWire(await at.transport.unary(LogAPI.method.getLogConsistencyProof, request, options));
  } catch (error) {
    throw new FetchError(troubleOf(error));
  }
  const sizes = { first: size, second: target.treeSize };
  try {
    verifyConsistency(at.crypto, { ...sizes, firstRoot: root, secondRoot: target.logRoot, proof });
  } catch (error) {
    if (!(error instanceof LogProofError)) throw error;
    const text = `its first ${size} entries are not shown to be in the signed head of ${target.treeSize}`;
    throw new ForeignEntriesError(`${text}: ${error.message}`);
  }
}

const RUN = 1000;

/** Values of entries that were copied while values were left out. */
async function fillValues(options: CatchUpOptions, at: LogAtRemote): Promise<CaughtUp | undefined> {
  const { log } = options;
  while (log.valued < log.entries) {
    if (options.signal.aborted || options.isOver()) return { kind: "interrupted" };
    const finish = Math.min(log.valued + RUN, log.entries) - 1;
    const digests = (await log.stored(log.valued, finish)).map(({ valueDigest }) => valueDigest);
    await askFor(options, at, digests);
    await log.keepValues([], [], finish + 1);
  }
  return undefined;
}

/** Asks once more for values that no place had; what is still missing stays so until the next head. */
async function fillMissing(options: CatchUpOptions): Promise<CaughtUp> {
  const { log } = options;
  if (!options.eager) return { kind: "done" };
  for (const at of options.sources()) {
    const missing = await log.missing(RUN);
    if (missing.length === 0) break;
    try {
      await askFor(options, at, missing);
    } catch (error) {
      if (troubleWith(error) === undefined) throw error;
    }
  }
  return { kind: "done" };
}

/** Stores what `at` has of the values that are not here, an answer at a time. Throws `FetchError`. */
async function askFor(options: CatchUpOptions, at: LogAtRemote, digests: readonly Hash[]): Promise<void> {
  const { log, signal, timeoutMs } = options;
  const lacks = await log.lacks(digests);
  const here = digests.filter((_, i) => !lacks[i]);
  let left = digests.filter((_, i) => lacks[i]);
  await log.forgetMissing(here);
  while (left.length > 0) {
    const some = await readSomeValues(at, left, { signal, timeoutMs });
    if (some.kind !== "some_values") throw new FetchError(some);
    await log.keepValues(left.slice(0, some.values.length), some.values, log.valued);
    left = left.slice(some.values.length);
  }
}
