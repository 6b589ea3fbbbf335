/** The head marker against its corpus and whatever else may lie in its place. */
import { join } from "node:path";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import { NodeError } from "../../src/errors.ts";
import { markerBytes, parseMarker } from "../../src/publisher/head-marker.ts";
import { logInfo } from "./test-log.ts";

const { id } = logInfo();
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const head = fc.record({
  logRoot: hash,
  treeSize: fc.maxSafeNat(),
  mapRoot: hash,
  mhRoot: hash,
  mhTreeSize: fc.maxSafeNat(),
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
});

describeParsers(join(import.meta.dirname, "corpus"), {
  "head-marker": parser({
    read: (bytes) => parseMarker(bytes, id, "/state/heads/log"),
    print: (value) => markerBytes(id, value),
    good: head.map((value) => markerBytes(id, value)),
    isRefusal: (error) => error instanceof NodeError && error.code === "corrupt",
  }),
});
