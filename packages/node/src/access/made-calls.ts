/**
 * Which signed calls were made: a call is good once, as long as its time is near this node's, and after that not at all.
 *
 * A call is remembered, durably, before anything comes of it, and forgotten when its time has passed out of the window. The
 * latest forgotten time is kept: should the clock be set back, calls up to it stay refused, because nobody knows any
 * more which of them were made.
 */
import type { Crypto } from "@trustix/crypto";
import { concatBytes, utf8 } from "@trustix/crypto";
import { CALL_WINDOW_MS, type SignedCall } from "@trustix/protocol";
import type { Change, Reads, Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { RecordReader, RecordWriter } from "../logs/byte-records.ts";
import { nodeErrorOf } from "../logs/explain-failure.ts";
import { CALL_ID_BYTES, FORGOTTEN_CALLS_KEY, madeCallKey, madeCalls } from "../logs/keys.ts";
import type { Clock, SignedCalls } from "../model.ts";

export interface MadeCallsOptions {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** So many are remembered at most. */
  readonly limit: number;
}

/** Forgetting goes through all that is remembered: 100 000 calls take 5 ms. */
const FORGET_EVERY_MS = 5000;

interface Arrival {
  readonly key: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

/** Throws `corrupt`, and what the store throws. */
export async function openMadeCalls(options: MadeCallsOptions): Promise<MadeCalls> {
  const { made, forgotten } = await storedCalls(options.store);
  return new MadeCalls(options, made, forgotten);
}

/** What is stored of calls: their times by id, and the latest forgotten time (-1: none). Throws `corrupt`. */
export async function storedCalls(reads: Reads): Promise<{ made: Map<string, number>; forgotten: number }> {
  const made = new Map<string, number>();
  const { from, to } = madeCalls();
  for await (const [key, value] of reads.range(from, to)) {
    const record = new RecordReader(key.subarray(from.length), "a signed call", key);
    const time = record.u48();
    const id = record.bytes(CALL_ID_BYTES);
    record.end();
    if (value.length > 0) throw record.corrupt(`holds ${value.length} bytes, none wanted`);
    made.set(nameOf(id), time);
  }
  const [bytes] = await reads.getMany([FORGOTTEN_CALLS_KEY]);
  if (bytes === undefined) return { made, forgotten: -1 };
  const record = new RecordReader(bytes, "the time of forgotten calls", FORGOTTEN_CALLS_KEY);
  const forgotten = record.u48();
  record.end();
  return { made, forgotten };
}

class MadeCalls implements SignedCalls {
  readonly #options: MadeCallsOptions;
  /** Times by id. */
  readonly #made: Map<string, number>;
  #forgotten: number;
  #forgotAt = Number.NEGATIVE_INFINITY;
  /** Keys of forgotten calls that are still stored. */
  #left: Uint8Array[] = [];
  #arrivals: Arrival[] = [];
  #committing: Promise<void> | undefined;

  constructor(options: MadeCallsOptions, made: Map<string, number>, forgotten: number) {
    this.#options = options;
    this.#made = made;
    this.#forgotten = forgotten;
  }

  checkTime({ time }: SignedCall): void {
    const now = this.#options.clock.now();
    if (Math.abs(now - time) > CALL_WINDOW_MS) {
      throw new NodeError(
        "unauthenticated",
        `the call was signed at ${shownTime(time)} and this node's clock says ${shownTime(now)}: ` +
          `at most ${CALL_WINDOW_MS / 1000} s apart wanted`,
        { hint: "set the clock that is wrong (`timedatectl` shows it), then call again" },
      );
    }
    if (time <= this.#forgotten) {
      throw new NodeError(
        "unauthenticated",
        `the call was signed at ${shownTime(time)}, and which calls were made up to ${shownTime(this.#forgotten)} ` +
          "is forgotten: this node's clock was set back",
        { hint: "call again once the clock is past that time" },
      );
    }
  }

  async take(call: SignedCall): Promise<void> {
    // Again: a body may come long after its headers, when the same call is forgotten.
    this.checkTime(call);
    const { crypto, clock, limit } = this.#options;
    this.#forget(clock.now());
    const id = crypto.sha256(concatBytes(call.nonce, utf8(call.name))).subarray(0, CALL_ID_BYTES);
    if (this.#made.has(nameOf(id))) {
      throw new NodeError("unauthenticated", "this nonce was used before: a signed call is good once", {
        hint: "sign each call anew; if nobody made it twice, somebody replayed it",
      });
    }
    if (this.#made.size >= limit) {
      throw new NodeError("busy", `${limit} signed calls came within ${(2 * CALL_WINDOW_MS) / 60_000} minutes`, {
        hint: "call again later, put more items into one call, or raise limits.signed-calls",
      });
    }
    // From here on a second one is refused, also if the write fails: it may have been written all the same.
    this.#made.set(nameOf(id), call.time);
    return new Promise((resolve, reject) => {
      this.#arrivals.push({ key: madeCallKey(call.time, id), resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Resolves when nothing that came is unanswered: the store may be closed. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  /** Those whose time is out of the window. Stored they stay until the next batch: no harm, they are refused by time. */
  #forget(now: number): void {
    if (Math.abs(now - this.#forgotAt) < FORGET_EVERY_MS) return;
    this.#forgotAt = now;
    for (const [name, time] of this.#made) {
      if (now - time <= CALL_WINDOW_MS) continue;
      this.#made.delete(name);
      this.#left.push(madeCallKey(time, Buffer.from(name, "latin1")));
      this.#forgotten = Math.max(this.#forgotten, time);
    }
  }

  /** One batch for all that came while the last one was written. */
  async #commitAll(): Promise<void> {
    while (this.#arrivals.length > 0) {
      // One turn of the event loop, so that calls that came with the first share its sync.
      await new Promise((resolve) => setImmediate(resolve));
      const [arrivals, left] = [this.#arrivals, this.#left];
      [this.#arrivals, this.#left] = [[], []];
      const changes: Change[] = arrivals.map(({ key }) => [key, NOTHING]);
      if (left.length > 0) {
        for (const key of left) changes.push([key, undefined]);
        changes.push([FORGOTTEN_CALLS_KEY, new RecordWriter(6).u48(this.#forgotten).done()]);
      }
      try {
        await this.#options.store.write(changes);
        for (const { resolve } of arrivals) resolve();
      } catch (error) {
        this.#left.push(...left);
        const explained = nodeErrorOf(error, "a signed call (it is not known whether it is noted: sign it anew)");
        for (const { reject } of arrivals) reject(explained);
      }
    }
    // In the same turn as the last look at the arrivals: whoever comes later begins anew.
    this.#committing = undefined;
  }
}

const NOTHING = new Uint8Array(0);

function nameOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1");
}

function shownTime(time: number): string {
  return new Date(time).toISOString();
}
