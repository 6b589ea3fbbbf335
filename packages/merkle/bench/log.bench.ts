/**
 * Figures of the log tree: appending packed leaf hashes, and audit proofs from raw tiles held in a `Map`.
 * Run: `node packages/merkle/bench/log.bench.ts`. Prints one JSON line a figure; medians of 5.
 */
import { toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogTree, auditProof, drive, verifyInclusion } from "../src/index.ts";
import type { ReadRequest } from "../src/index.ts";

const crypto = nodeCrypto();
const prefix = Uint8Array.of(0x10, 0, 1, 0x74);
const LEAVES = 1 << 18;
const PROOFS = 2_000;

const leaves = new Uint8Array(LEAVES * 32);
for (let i = 0; i < LEAVES; i++) crypto.sha256Into(Uint8Array.of(i, i >> 8, i >> 16), leaves, i * 32);

function median(what: string, unit: string, run: () => number): void {
  const rates = Array.from({ length: 5 }, run).toSorted((a, b) => a - b);
  process.stdout.write(
    `${JSON.stringify({ what, unit, value: Math.round(rates[2]!), runs: rates.map(Math.round) })}\n`,
  );
}

const rate = (count: number, work: () => void): number => {
  const start = performance.now();
  work();
  return count / ((performance.now() - start) / 1000);
};

median("sha256Into of a tree node", "hashes/s", () => {
  const node = new Uint8Array(65);
  const out = new Uint8Array(65);
  return rate(LEAVES, () => {
    for (let i = 0; i < LEAVES; i++) crypto.sha256Into(node, out, 1);
  });
});

const open = (): LogTree => drive(LogTree.open(crypto, prefix, 0), () => []);

median("append in one go", "leaves/s", () => rate(LEAVES, () => void open().append(leaves)));

median("append in batches of 500", "leaves/s", () =>
  rate(LEAVES, () => {
    const tree = open();
    for (let at = 0; at < leaves.length; at += 500 * 32) tree.append(leaves.subarray(at, at + 500 * 32));
  }),
);

const records = new Map<string, Uint8Array>();
const tree = open();
for (const [key, value] of tree.append(leaves)) records.set(toHex(key), value!);
const answer = (request: ReadRequest): (Uint8Array | undefined)[] =>
  request.kind === "get" ? request.keys.map((key) => records.get(toHex(key))) : [];
const root = tree.root();

median("audit proof from raw tiles, random index", "proofs/s", () =>
  rate(PROOFS, () => {
    for (let i = 0; i < PROOFS; i++) drive(auditProof(crypto, prefix, (i * 7919) % LEAVES, LEAVES), answer);
  }),
);

const proof = drive(auditProof(crypto, prefix, 12_345, LEAVES), answer);
median("verify inclusion", "proofs/s", () =>
  rate(PROOFS, () => {
    const leaf = leaves.subarray(12_345 * 32, 12_346 * 32);
    for (let i = 0; i < PROOFS; i++) verifyInclusion(crypto, { index: 12_345, size: LEAVES, leaf, root, proof });
  }),
);
