/** Files of evidence against their corpus: whoever accuses may write anything, and the check must say yes or no to it. */
import { join } from "node:path";
import { nodeCrypto } from "@trustix/node-crypto";
import { ProtocolError } from "@trustix/protocol";
import type { LogHead } from "@trustix/protocol";
import { FakeLog } from "@trustix/testkit";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import { checkContradiction, readEvidence, writeEvidence } from "../src/index.ts";
import type { Contradiction } from "../src/index.ts";

const crypto = nodeCrypto();
const log = new FakeLog(crypto, "saturn");
for (let i = 0; i < 5; i++) log.publish([`a${i}`, `a${i}`], [`b${i}`, `b${i}`]);
const { publicKey } = log.info;

/** Heads that the log really signed: whatever else is wrong must be found beyond the signature. */
const signed: fc.Arbitrary<LogHead> = fc.oneof(
  fc.constantFrom(...log.heads),
  fc.nat(4).map((n) => log.sign({ ...log.heads[n + 1]!, logRoot: new Uint8Array(32).fill(n) })),
);
const hashes = fc.array(fc.constantFrom(...log.tree.leaves, ...log.mapHeads.leaves, new Uint8Array(32)), {
  maxLength: 6,
});
const evidence: fc.Arbitrary<Contradiction> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("same_size" as const, "map_heads_missing" as const),
    first: signed,
    second: signed,
  }),
  fc.record({
    kind: fc.constantFrom("log_rewritten" as const, "map_heads_rewritten" as const),
    first: signed,
    second: signed,
    proof: hashes,
    leafZero: fc.option(fc.constantFrom(...log.tree.leaves), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("map_root" as const), first: signed, proof: hashes }),
);

describeParsers(join(import.meta.dirname, "corpus"), {
  evidence: parser({
    read: (bytes) => {
      const read = readEvidence(bytes);
      checkContradiction(crypto, publicKey, read);
      return read;
    },
    print: writeEvidence,
    good: evidence.map(writeEvidence),
    isRefusal: (error) => error instanceof ProtocolError,
    runs: 300,
  }),
});
