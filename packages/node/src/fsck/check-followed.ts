/**
 * What is kept of followed logs: held heads. They can all be read; signatures are checked for the logs whose keys are
 * known, because the store does not hold them.
 */
import { concatBytes, type Crypto, fromHex, toHex } from "@trustix/crypto";
import { LogHeadSchema } from "@trustix/proto";
import { decode, headFromWire, type LogHead, type LogId, type LogInfo, verifyHead } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { followedRecords } from "../logs/keys.ts";
import type { Findings } from "./report.ts";

const HEAD = 0x68;
const ID_BYTES = 32;
const TIME_BYTES = 6;
const MAX_HEAD_BYTES = 1024;

/** How many records there are. */
export async function checkFollowed(
  reads: Reads,
  crypto: Crypto,
  known: readonly LogInfo[],
  findings: Findings,
): Promise<number> {
  const { from, to } = followedRecords();
  let count = 0;
  for await (const [key, value] of reads.range(from, to)) {
    count++;
    const id = toHex(key.subarray(1, 1 + ID_BYTES));
    const kind = key[1 + ID_BYTES];
    const rest = key.subarray(2 + ID_BYTES);
    const publicKey = known.find((log) => log.id === id)?.publicKey;
    const record = value.subarray(TIME_BYTES);
    if (kind === HEAD && rest.length === 0) checkHead(`held head of followed log ${id}`, record, publicKey);
    else findings.add("surplus", `a record of unknown kind beside followed logs (key ${toHex(key)})`);
  }
  return count;

  function checkHead(what: string, record: Uint8Array, publicKey: Uint8Array | undefined): void {
    const head = findings.reading(what, () => readHead(record));
    if (head && publicKey && !verifyHead(crypto, publicKey, head))
      findings.add("wrong", `${what}: not signed by the log's key`);
  }
}

/** The held head of one followed log; `undefined` where there is none, or none that can be read. */
export async function heldHead(reads: Reads, logId: LogId, findings: Findings): Promise<LogHead | undefined> {
  const key = concatBytes(followedRecords().from, fromHex(logId), Uint8Array.of(HEAD));
  const [record] = await reads.getMany([key]);
  return record && findings.reading("", () => readHead(record.subarray(TIME_BYTES)));
}

function readHead(bytes: Uint8Array): LogHead {
  return headFromWire(decode(LogHeadSchema, bytes, MAX_HEAD_BYTES));
}
