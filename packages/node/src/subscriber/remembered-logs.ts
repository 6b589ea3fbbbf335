/**
 * What is stored of followed logs, under the keys `30 logId ...` of the storage layout: the head that is held, and
 * evidence against a log. A head is stored before anybody votes under it, so a restart never forgets what was seen and
 * an old head replayed afterwards is recognised.
 *
 * `30 logId 68`: `u48 time || LogHead`. `30 logId 65 digest(32)`: `u48 time || evidence file`.
 */
import type { Evidence } from "@trustix/client";
import { checkEvidence, readEvidence, writeEvidence } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import { concatBytes, fromHex } from "@trustix/crypto";
import { LogHeadSchema } from "@trustix/proto";
import { ProtocolError, decode, encode, headFromWire, headToWire, verifyHead } from "@trustix/protocol";
import type { LogHead, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";

const SPACE = Uint8Array.of(0x30);
const HEAD = Uint8Array.of(0x68);
const EVIDENCE = Uint8Array.of(0x65);
const TIME_BYTES = 6;
const MAX_HEAD_BYTES = 1024;

export interface RememberedHead {
  readonly head: LogHead;
  /** Milliseconds since 1970 when it was taken. */
  readonly time: number;
}

export interface RememberedEvidence {
  readonly evidence: Evidence;
  /** Milliseconds since 1970 when it was found. */
  readonly time: number;
}

export interface RememberedLog {
  readonly held: RememberedHead | undefined;
  /** Checked again when read. */
  readonly against: RememberedEvidence | undefined;
}

export class RememberedLogs {
  readonly #store: Store;
  readonly #crypto: Crypto;

  constructor(store: Store, crypto: Crypto) {
    this.#store = store;
    this.#crypto = crypto;
  }

  /** Throws `corrupt` for records that are not what this file writes. */
  async load(log: LogInfo): Promise<RememberedLog> {
    const [record] = await this.#store.getMany([keyOf(log, HEAD)]);
    const held = record === undefined ? undefined : this.#readHead(log, record);
    let against: RememberedEvidence | undefined;
    const from = keyOf(log, EVIDENCE);
    const to = from.with(from.length - 1, EVIDENCE[0]! + 1);
    for await (const [, value] of this.#store.range(from, to, { limit: 1 })) against = this.#readEvidence(log, value);
    return { held, against };
  }

  /** Resolves when the head would survive power loss. */
  async keepHead(log: LogInfo, head: LogHead, time: number): Promise<void> {
    await this.#store.write([
      [keyOf(log, HEAD), concatBytes(timeBytes(time), encode(LogHeadSchema, headToWire(head)))],
    ]);
  }

  /** Keeps proof that the log lied; the same proof again changes nothing. */
  async keepEvidence(log: LogInfo, evidence: Evidence, time: number): Promise<void> {
    const bytes = writeEvidence(evidence);
    const key = concatBytes(keyOf(log, EVIDENCE), this.#crypto.sha256(bytes));
    await this.#store.write([[key, concatBytes(timeBytes(time), bytes)]]);
  }

  #readHead(log: LogInfo, record: Uint8Array): RememberedHead {
    const head = parsed(log, "head", () => {
      return headFromWire(decode(LogHeadSchema, record.subarray(TIME_BYTES), MAX_HEAD_BYTES));
    });
    if (!verifyHead(this.#crypto, log.publicKey, head)) {
      throw new NodeError("corrupt", `log ${log.id}: the stored head is not signed by the log's key`);
    }
    return { head, time: timeOf(record) };
  }

  #readEvidence(log: LogInfo, record: Uint8Array): RememberedEvidence {
    const evidence = parsed(log, "evidence", () => {
      const read = readEvidence(record.subarray(TIME_BYTES));
      checkEvidence(this.#crypto, read, log.publicKey);
      return read;
    });
    return { evidence, time: timeOf(record) };
  }
}

function parsed<T>(log: LogInfo, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new NodeError("corrupt", `log ${log.id}: stored ${what}: ${cause.message}`, { cause });
  }
}

function keyOf(log: LogInfo, kind: Uint8Array): Uint8Array {
  return concatBytes(SPACE, fromHex(log.id), kind);
}

function timeBytes(time: number): Uint8Array {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeUIntBE(time, 0, TIME_BYTES);
  return bytes;
}

function timeOf(record: Uint8Array): number {
  return Buffer.from(record.buffer, record.byteOffset, TIME_BYTES).readUIntBE(0, TIME_BYTES);
}
