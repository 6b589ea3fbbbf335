/** The node's own records against their corpus and whatever a damaged store may hand over. */
import { join } from "node:path";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import { NodeError } from "../../src/errors.ts";
import { decodeHead, encodeHead } from "../../src/logs/head-record.ts";
import { encodeLog, serialOf } from "../../src/logs/register-logs.ts";
import {
  decodeQueuePosition,
  decodeQueueRecord,
  encodeQueuePosition,
  encodeQueueRecord,
} from "../../src/publisher/queue-record.ts";
import { decodeRefused, encodeRefused } from "../../src/publisher/refused-record.ts";
import { logInfo } from "../publisher/test-log.ts";

const KEY = Uint8Array.of(1, 0, 0, 0x71);
const isRefusal = (error: unknown): boolean => error instanceof NodeError && error.code === "corrupt";

const u48 = fc.nat({ max: 2 ** 48 - 1 });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const bytes = fc.uint8Array({ maxLength: 40 });
const storedHead = fc
  .record({
    logRoot: hash,
    treeSize: u48,
    mapRoot: hash,
    mhRoot: hash,
    mhTreeSize: fc.integer({ min: 1, max: 2 ** 40 }),
  })
  .chain((unsigned) =>
    fc
      .record({
        signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
        time: u48,
        border: fc.nat(256),
      })
      .map(({ signature, time, border }) => {
        const { treeSize: size, mapRoot: root, mhTreeSize } = unsigned;
        return { head: { ...unsigned, signature }, time, map: { version: mhTreeSize - 1, size, root, border } };
      }),
  );
const refused = fc.record({
  key: bytes,
  value: bytes,
  standing: hash,
  time: u48,
  foundAt: fc.constantFrom("submit" as const, "flush" as const),
});
const info = logInfo();

describeParsers(join(import.meta.dirname, "corpus"), {
  head: parser({
    read: (record) => decodeHead(record, KEY),
    print: encodeHead,
    good: storedHead.map(encodeHead),
    isRefusal,
  }),
  queue: parser({
    read: (record) => decodeQueueRecord(record, KEY),
    print: encodeQueueRecord,
    good: fc.array(fc.record({ key: bytes, value: bytes }), { maxLength: 4 }).map(encodeQueueRecord),
    isRefusal,
  }),
  "queue-position": parser({
    read: (record) => decodeQueuePosition(record, KEY),
    print: encodeQueuePosition,
    good: u48.map(encodeQueuePosition),
    isRefusal,
  }),
  refused: parser({
    read: (record) => decodeRefused(record, KEY),
    print: encodeRefused,
    good: refused.map(encodeRefused),
    isRefusal,
  }),
  log: parser({
    read: (record) => serialOf(record, KEY, info),
    print: (serial) => encodeLog(serial, info),
    good: fc.nat(0xffff).map((serial) => encodeLog(serial, info)),
    isRefusal,
  }),
});
