/** The logs that a store holds, also those that left the configuration: a check must not pass over them. */
import { toHex, utf8Text } from "@trustix/crypto";
import { parseLogId, ProtocolError, protocolFromWire, type LogInfo } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { RecordReader } from "../logs/byte-records.ts";
import { logRecordKey, rangeOf } from "../logs/keys.ts";

/** Ascending by id. Their meta is not stored and comes empty. Throws `corrupt` for a record that cannot be read. */
export async function storedLogs(reads: Reads): Promise<LogInfo[]> {
  const { from, to } = rangeOf(logRecordKey(new Uint8Array(0)));
  const logs: LogInfo[] = [];
  for await (const [key, value] of reads.range(from, to)) {
    const record = new RecordReader(value, "record of a log", key);
    record.u8(); // the version and the serial are the check's business
    record.u16();
    const publicKey = record.bytes(32);
    const protocolId = record.bytes(record.u8());
    try {
      const id = parseLogId(toHex(key.subarray(from.length)));
      logs.push({ id, protocol: protocolFromWire(utf8Text(protocolId)), publicKey: publicKey.slice(), meta: {} });
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof TypeError)) throw error;
      throw record.corrupt(error.message);
    }
  }
  return logs;
}
