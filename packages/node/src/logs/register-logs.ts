/**
 * Which logs a store holds. Each log of the node has a short serial in its keys, given once and never again to another
 * log; a log that left the configuration keeps its serial and its records.
 */
import { equalBytes, fromHex, utf8 } from "@trustix/crypto";
import type { LogId, LogInfo } from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { RecordReader, RecordWriter } from "./byte-records.ts";
import { LAYOUT_VERSION, LogKeys, NODE_KEY, logRecordKey } from "./keys.ts";

const RECORD_VERSION = 1;
const MAX_SERIAL = 0xffff;

/**
 * The keys of each log, in the order of `infos`; logs seen for the first time get a serial, durably. Call once, before
 * anything else uses the store. Throws `corrupt` for a store of another layout.
 */
export async function registerLogs(store: Store, infos: readonly LogInfo[]): Promise<Map<LogId, LogKeys>> {
  const recordKeys = infos.map(({ id }) => logRecordKey(fromHex(id)));
  const [node, ...records] = await store.getMany([NODE_KEY, ...recordKeys]);
  let nextSerial = node ? decodeNode(node) : 0;
  const changes: Change[] = [];
  const keys = new Map<LogId, LogKeys>();
  for (const [i, info] of infos.entries()) {
    if (keys.has(info.id)) throw new NodeError("bad_config", `log ${info.id} is configured twice`);
    const record = records[i];
    if (record) {
      keys.set(info.id, new LogKeys(serialOf(record, recordKeys[i]!, info)));
      continue;
    }
    if (nextSerial > MAX_SERIAL) throw new NodeError("storage", `a store holds at most ${MAX_SERIAL + 1} logs`);
    changes.push([recordKeys[i]!, encodeLog(nextSerial, info)]);
    keys.set(info.id, new LogKeys(nextSerial++));
  }
  // One batch: if we stop here, either all the new logs have their serials or none has, and the next start gives them.
  if (changes.length > 0 || !node) await store.write([...changes, [NODE_KEY, encodeNode(nextSerial)]]);
  return keys;
}

function encodeNode(nextSerial: number): Uint8Array {
  return new RecordWriter(5).u8(LAYOUT_VERSION).u32(nextSerial).done();
}

/** The next serial, in the store's layout record. Throws `corrupt`. */
export function decodeNode(bytes: Uint8Array): number {
  const record = new RecordReader(bytes, "the store's layout record", NODE_KEY);
  record.version(LAYOUT_VERSION);
  const nextSerial = record.u32();
  record.end();
  return nextSerial;
}

/** A log's record. */
export function encodeLog(serial: number, info: LogInfo): Uint8Array {
  const protocol = utf8(info.protocol.id);
  return new RecordWriter(1 + 2 + 32 + 1 + protocol.length)
    .u8(RECORD_VERSION)
    .u16(serial)
    .bytes(info.publicKey)
    .u8(protocol.length)
    .bytes(protocol)
    .done();
}

/** The serial in a log's record. Throws `corrupt`. */
export function serialOf(bytes: Uint8Array, key: Uint8Array, info: LogInfo): number {
  const record = new RecordReader(bytes, `record of log ${info.id}`, key);
  record.version(RECORD_VERSION);
  const serial = record.u16();
  const publicKey = record.bytes(32);
  const protocol = record.bytes(record.u8());
  record.end();
  // The id commits to both, so this is damage and not another log.
  if (!equalBytes(publicKey, info.publicKey) || !equalBytes(protocol, utf8(info.protocol.id)))
    throw record.corrupt("names another key or protocol than its id");
  return serial;
}
