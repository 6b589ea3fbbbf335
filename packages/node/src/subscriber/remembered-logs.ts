/**
 * What is stored of followed logs, under the keys `30 logId ...` of the storage layout: the head that is held. It is
 * stored before anybody votes under it, so a restart never forgets what was seen and an old head replayed afterwards is
 * recognised.
 *
 * `30 logId 68`: `u48 time || LogHead`.
 */
import type { Crypto } from "@trustix/crypto";
import { concatBytes, fromHex } from "@trustix/crypto";
import { LogHeadSchema } from "@trustix/proto";
import { ProtocolError, decode, encode, headFromWire, headToWire, verifyHead } from "@trustix/protocol";
import type { LogHead, LogInfo } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";

const SPACE = Uint8Array.of(0x30);
const HEAD = Uint8Array.of(0x68);
const TIME_BYTES = 6;
const MAX_HEAD_BYTES = 1024;

export interface RememberedHead {
  readonly head: LogHead;
  /** Milliseconds since 1970 when it was taken. */
  readonly time: number;
}

export class RememberedLogs {
  readonly #store: Store;
  readonly #crypto: Crypto;

  constructor(store: Store, crypto: Crypto) {
    this.#store = store;
    this.#crypto = crypto;
  }

  /** Throws `corrupt` for records that are not what this file writes. */
  async load(log: LogInfo): Promise<RememberedHead | undefined> {
    const [record] = await this.#store.getMany([keyOf(log)]);
    return record === undefined ? undefined : this.#readHead(log, record);
  }

  /** Resolves when the head would survive power loss. */
  async keepHead(log: LogInfo, head: LogHead, time: number): Promise<void> {
    await this.#store.write([[keyOf(log), concatBytes(timeBytes(time), encode(LogHeadSchema, headToWire(head)))]]);
  }

  #readHead(log: LogInfo, record: Uint8Array): RememberedHead {
    let head: LogHead;
    try {
      head = headFromWire(decode(LogHeadSchema, record.subarray(TIME_BYTES), MAX_HEAD_BYTES));
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new NodeError("corrupt", `log ${log.id}: stored head: ${cause.message}`, { cause });
    }
    if (!verifyHead(this.#crypto, log.publicKey, head)) {
      throw new NodeError("corrupt", `log ${log.id}: the stored head is not signed by the log's key`);
    }
    return { head, time: timeOf(record) };
  }
}

function keyOf(log: LogInfo): Uint8Array {
  return concatBytes(SPACE, fromHex(log.id), HEAD);
}

function timeBytes(time: number): Uint8Array {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeUIntBE(time, 0, TIME_BYTES);
  return bytes;
}

function timeOf(record: Uint8Array): number {
  return Buffer.from(record.buffer, record.byteOffset, TIME_BYTES).readUIntBE(0, TIME_BYTES);
}
