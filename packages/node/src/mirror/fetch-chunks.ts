/**
 * Entries of a followed log with their values, from one place, in order and in bounded pieces. Runs of entries are
 * fetched several at a time; what is handed out is a chunk: as much as one batch of the mirror takes, or what came in a
 * few seconds. Nothing here says that the entries are the log's, only that each answer fits what was asked.
 */
import { type LogAtRemote, type RemoteEntry, type Trouble, readEntries, readSomeValues } from "@trustix/client";
import { toHex } from "@trustix/crypto";
import type { Hash } from "@trustix/protocol";
import type { Clock } from "../model.ts";

/**
 * An entry, and its value: the bytes, or `absent` where the place has none, or `undefined` where none was asked for
 * because it is here already, comes with an earlier entry, or is left for later.
 */
export interface ChunkEntry extends RemoteEntry {
  value: Uint8Array | "absent" | undefined;
}

/** Some entries of a log, one after the other. */
export interface Chunk {
  /** Index of the first. */
  readonly first: number;
  readonly entries: readonly ChunkEntry[];
}

export interface FetchOptions {
  readonly at: LogAtRemote;
  /** Index of the first entry. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Which of the digests have no value here; `undefined`: values are left to be asked for later. */
  readonly lacks: ((digests: readonly Hash[]) => Promise<readonly boolean[]>) | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds for one call. */
  readonly timeoutMs: number;
  /** Entries of one chunk at most, but for those of the answer that reaches it. */
  readonly chunkEntries: number;
  /** Calls for entries under way at once. */
  readonly runsAtOnce: number;
}

/** The place failed, or answered what cannot be. */
export class FetchError extends Error {
  override name = "FetchError";
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.why);
    this.trouble = trouble;
  }
}

export const CHUNK_ENTRIES = 8_192;
const CHUNK_BYTES = 24 << 20;
const CHUNK_MS = 5_000;
/** Entries of one call; servers of the existing program are asked for as many. */
const RUN_ENTRIES = 1000;

/** Throws `FetchError`, after everything before the failure was handed out. */
export async function* fetchChunks(options: FetchOptions): AsyncGenerator<Chunk> {
  const { clock, chunkEntries } = options;
  let first = options.from;
  let entries: ChunkEntry[] = [];
  let bytes = 0;
  let begun = clock.now();
  let failure: FetchError | undefined;
  try {
    for await (const piece of pieces(options)) {
      for (const entry of piece) {
        entries.push(entry);
        bytes += entry.key.length + (entry.value === undefined ? 0 : entry.value.length);
      }
      const isFull = entries.length >= chunkEntries || bytes >= CHUNK_BYTES || clock.now() - begun >= CHUNK_MS;
      if (!isFull || entries.length === 0) continue;
      yield { first, entries };
      first += entries.length;
      [entries, bytes, begun] = [[], 0, clock.now()];
    }
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    failure = error;
  }
  if (entries.length > 0) yield { first, entries };
  if (failure !== undefined) throw failure;
}

/** All entries in order, as answers come; the next runs are under way while one is handed out. */
async function* pieces(all: FetchOptions): AsyncGenerator<readonly ChunkEntry[]> {
  // Nobody waits for an answer that nobody wants any more: a place that hangs would cost others their turn.
  const stop = new AbortController();
  const end = (): void => stop.abort();
  if (all.signal.aborted) end();
  all.signal.addEventListener("abort", end);
  const options = { ...all, signal: stop.signal };
  const underWay: {
    readonly run: AsyncGenerator<ChunkEntry[]>;
    readonly first: Promise<IteratorResult<ChunkEntry[]>>;
  }[] = [];
  let next = options.from;
  const fill = (): void => {
    while (underWay.length < options.runsAtOnce && next < options.to) {
      const end = Math.min(next + RUN_ENTRIES, next + options.chunkEntries, options.to);
      const run = piecesOfRun(options, next, end - 1);
      next = end;
      const first = run.next();
      // Awaited when its turn comes, which may be after another run failed.
      first.catch(() => {});
      underWay.push({ run, first });
    }
  };
  try {
    for (fill(); underWay.length > 0; fill()) {
      const { run, first } = underWay[0]!;
      for (let step = await first; !step.done; step = await run.next()) yield step.value;
      underWay.shift();
    }
  } finally {
    end();
    all.signal.removeEventListener("abort", end);
    await Promise.all(underWay.map(({ run }) => run.return(undefined).catch(() => {})));
  }
}

async function* piecesOfRun(options: FetchOptions, start: number, finish: number): AsyncGenerator<ChunkEntry[]> {
  const { at, lacks } = options;
  const call = { signal: options.signal, timeoutMs: options.timeoutMs };
  const got = await readEntries(at, start, finish, call);
  if (got.kind !== "entries") throw new FetchError(got);
  const entries = got.entries.map(({ key, valueDigest, leafDigest }): ChunkEntry => ({
    key,
    valueDigest,
    leafDigest,
    value: undefined,
  }));
  const wanted = lacks === undefined ? [] : await lacks(entries.map(({ valueDigest }) => valueDigest));
  const open = firstOfEach(entries.filter((_, i) => wanted[i]));
  let from = 0;
  for (let asked = 0; asked < open.length;) {
    const some = await readSomeValues(
      at,
      open.slice(asked).map(({ valueDigest }) => valueDigest),
      call,
    );
    if (some.kind !== "some_values") throw new FetchError(some);
    for (const value of some.values) open[asked++]!.value = value ?? "absent";
    // Up to the first entry whose value is still to come.
    const to = asked === open.length ? entries.length : entries.indexOf(open[asked]!, from);
    yield entries.slice(from, to);
    from = to;
  }
  if (from < entries.length) yield entries.slice(from);
}

/** A log may claim one value of megabytes a thousand times: it comes once, with the first entry that claims it. */
function firstOfEach(entries: readonly ChunkEntry[]): ChunkEntry[] {
  const seen = new Set<string>();
  return entries.filter(({ valueDigest }) => {
    const before = seen.size;
    return seen.add(toHex(valueDigest)).size > before;
  });
}
