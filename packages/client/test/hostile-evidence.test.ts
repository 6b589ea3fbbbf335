/** Files of evidence against their corpus: whoever accuses may write anything, and the check must say yes or no to it. */
import { join } from "node:path";
import { nodeCrypto } from "@trustix/node-crypto";
import { ProtocolError } from "@trustix/protocol";
import type { LogHead } from "@trustix/protocol";
import { FakeLog, evidenceExamples, narInfo } from "@trustix/testkit";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import { checkEvidence, describeEvidence, readEvidence, writeEvidence } from "../src/index.ts";
import type { Contradiction, Evidence } from "../src/index.ts";

const crypto = nodeCrypto();
const log = new FakeLog(crypto, "saturn");
for (let i = 0; i < 5; i++) log.publish([`a${i}`, `a${i}`], [`b${i}`, `b${i}`]);
const { publicKey } = log.info;

/** Heads that the log really signed: whatever else is wrong must be found beyond the signature. */
const signed: fc.Arbitrary<LogHead> = fc.oneof(
  fc.constantFrom(...log.heads),
  fc.nat(4).map((n) => log.sign({ ...log.heads[n + 1]!, logRoot: new Uint8Array(32).fill(n) })),
);
const anyHash = fc.constantFrom(...log.tree.leaves, ...log.mapHeads.leaves, new Uint8Array(32));
const hashes = fc.array(anyHash, { maxLength: 6 });
const key = fc.constantFrom(...log.entries.map((entry) => entry.key));
const logged = fc.record({
  digest: fc.constantFrom(...log.entries.map(({ digest }) => digest)),
  index: fc.nat(12),
  logProof: hashes,
});
const mapProof = key.map((some) => log.mapProof(some, log.entries.length));
const narInfos = fc.constantFrom(
  narInfo(crypto, "saturn", "one"),
  narInfo(crypto, "saturn", "other"),
  new Uint8Array(0),
);
const kind = fc.constant;
const contradiction: fc.Arbitrary<Contradiction> = fc.oneof(
  fc.record({ kind: fc.constantFrom("same_size", "map_heads_missing"), first: signed, second: signed }),
  fc.record({
    kind: fc.constantFrom("log_rewritten", "map_heads_rewritten"),
    first: signed,
    second: signed,
    proof: hashes,
    leafZero: fc.option(anyHash, { nil: undefined }),
  }),
  fc.record({ kind: kind("map_root"), first: signed, proof: hashes }),
  fc.record({
    kind: kind("map_entry_differs"),
    head: signed,
    key,
    entry: fc.constantFrom(...log.entries.map(({ entryBytes }) => entryBytes!), new Uint8Array(0)),
    mapProof,
    leaf: fc.option(anyHash, { nil: undefined }),
    logProof: hashes,
  }),
  fc.record({ kind: kind("key_twice"), head: signed, key, entries: fc.tuple(logged, logged) }),
  fc.record({ kind: kind("key_missing_in_map"), head: signed, key, entry: logged, mapProof }),
  fc.record({ kind: kind("cache_key_signed_two"), narInfos: fc.tuple(narInfos, narInfos) }),
);
const evidence: fc.Arbitrary<Evidence> = fc.oneof(
  contradiction.map((shown) => ({ publicKey, ...shown })),
  fc.constantFrom(...evidenceExamples(crypto, "saturn").map((example) => example.evidence)),
);

describeParsers(join(import.meta.dirname, "corpus"), {
  evidence: parser({
    read: (bytes) => {
      const read = readEvidence(bytes);
      describeEvidence(read);
      try {
        checkEvidence(crypto, read, publicKey);
      } catch (error) {
        if (!(error instanceof ProtocolError))
          throw new TypeError("the check must refuse by its own error", { cause: error });
      }
      return read;
    },
    print: writeEvidence,
    good: evidence.map(writeEvidence),
    isRefusal: (error) => error instanceof ProtocolError,
    runs: 300,
  }),
});
