/**
 * Brings the copy of one log up to the head that the follower holds: from whichever place delivers entries that the
 * head commits to, chunk by chunk. What a place delivers wrongly is not stored and costs it its turn; what the signed
 * head itself gets wrong is told apart, and nothing is served under it.
 */
import { type LogAtRemote, type Trouble, troubleOf } from "@trustix/client";
import { LogProofError, verifyConsistency } from "@trustix/merkle";
import { LogAPI } from "@trustix/proto";
import { proofFromWire, type Hash, type LogHead } from "@trustix/protocol";
import type { Room } from "../free-room.ts";
import type { Clock } from "../model.ts";
import { type CaughtUp, noRoom } from "./caught-up.ts";
import { FetchError, fetchChunks } from "./fetch-chunks.ts";
import { type MissingPass, fillMissing, fillValues } from "./fill-values.ts";
import { ForeignEntriesError, LieError, type MirroredLog } from "./mirrored-log.ts";
import type { PlaceOrder } from "./place-order.ts";

export interface CatchUpOptions {
  readonly log: MirroredLog;
  /** What is to be reached; read anew whenever one head is. */
  readonly target: () => LogHead | undefined;
  /** Best first. */
  readonly sources: () => readonly LogAtRemote[];
  readonly order: PlaceOrder;
  readonly missing: MissingPass;
  /** Whether values come along; otherwise only their digests are known. */
  readonly eager: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Entries stored in one batch at most. */
  readonly chunkEntries: number;
  /** Asked before each batch. */
  readonly room: Room;
  /** Calls for entries under way at once. */
  readonly runsAtOnce: number;
  /** True when others should have their turn. */
  readonly isOver: () => boolean;
  /** Told after every chunk. */
  readonly onProgress: (entries: number, target: number) => void;
}

/** A place that is slower than that is left for another one, if there is any. */
const SLOW_MS = 30_000;
const SLOW_ENTRIES = 50 * (SLOW_MS / 1000);

/** Throws what the store throws. */
export async function catchUp(options: CatchUpOptions): Promise<CaughtUp> {
  const { log, eager } = options;
  for (;;) {
    const target = options.target();
    if (target === undefined) return { kind: "done" };
    // Entries before values: a head can be served while the values of years are still to come.
    const served = log.served?.head.treeSize ?? -1;
    const isWhole = served >= target.treeSize && (!eager || log.valued === log.entries);
    if (isWhole && !eager) return { kind: "done" };
    const result = isWhole
      ? await fillMissing(options)
      : await fromAnySource(options, (at) =>
          served < target.treeSize ? copyFrom(options, at, target) : fillValues(options, at),
        );
    if (result !== undefined) return result;
  }
}

/** `undefined`: one source was enough, or another is worth a try. */
async function fromAnySource(
  options: CatchUpOptions,
  copy: (at: LogAtRemote) => Promise<CaughtUp | undefined>,
): Promise<CaughtUp | undefined> {
  const { order, signal } = options;
  let failure: CaughtUp = { kind: "stuck", cause: "unreachable", why: "no remote has it" };
  for (const at of order.sorted(options.sources())) {
    try {
      return await copy(at);
    } catch (error) {
      const trouble = troubleWith(error);
      if (trouble === undefined) throw error;
      if (signal.aborted) return { kind: "interrupted" };
      order.noteTrouble(at);
      failure = { kind: "stuck", cause: trouble.kind, why: `${at.transport.url}: ${trouble.why}` };
      // The next turn begins with the places that were not asked.
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
  const { log, order, clock, signal, timeoutMs, chunkEntries, runsAtOnce } = options;
  await log.settle();
  const lacks = options.eager ? (digests: readonly Hash[]) => log.lacks(digests, target) : undefined;
  const bounds = { chunkEntries, runsAtOnce, timeoutMs };
  const fetch = { at, from: log.entries, to: target.treeSize, lacks, clock, signal, ...bounds };
  const prove = (size: number, root: Hash): Promise<void> => provePrefix(at, size, root, target, options);
  const begun = { at: clock.now(), entries: log.entries };
  const isSlow = (entries: number): boolean =>
    clock.now() - begun.at >= SLOW_MS && (entries - begun.entries) * SLOW_MS < SLOW_ENTRIES * (clock.now() - begun.at);
  try {
    let isEmpty = true;
    for await (const chunk of fetchChunks(fetch)) {
      isEmpty = false;
      const full = await noRoom(options.room);
      if (full !== undefined) {
        await log.settle();
        return full;
      }
      await log.append(chunk, options.eager, target, prove);
      const entries = chunk.first + chunk.entries.length;
      options.onProgress(entries, target.treeSize);
      const isOver = signal.aborted || options.isOver();
      if (entries < target.treeSize && (isOver || isSlow(entries))) {
        if (isSlow(entries)) order.noteTrouble(at);
        await log.settle();
        return isOver ? { kind: "interrupted" } : undefined;
      }
    }
    // All entries were here already, or there are none: what is missing is the look at the roots.
    if (isEmpty) await log.append({ first: log.entries, entries: [] }, options.eager, target, prove);
    await log.settle();
    order.noteSuccess(at);
    return undefined;
  } catch (error) {
    const isOurs = !(error instanceof LieError) && troubleWith(error) === undefined;
    // What came before the failure is stored.
    if (!isOurs) await log.settle();
    if (error instanceof LieError) return { kind: "lie", head: target, error, at };
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
