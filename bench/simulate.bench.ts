/**
 * A candidate policy over what five mirrored logs claim: the claims table of an embedded store, a tenth of the paths
 * claimed differently, whose values are read and compared as facts; page after page, as the command asks for them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "@trustix/crypto";
import { POLICY_DEFAULTS, type Policy } from "@trustix/decider";
import { nodeCrypto } from "@trustix/node-crypto";
import { encodeNixValue, logIdOf, mapPath, NIX } from "@trustix/protocol";
import { openEmbeddedStore, type Change } from "@trustix/storage";
import { claimChange } from "../packages/node/src/claims/claims.ts";
import { valueKey } from "../packages/node/src/logs/keys.ts";
import { openAllValues } from "../packages/node/src/logs/values.ts";
import { createSimulate } from "../packages/node/src/simulate/simulate.ts";
import { NO_STANDING } from "../packages/node/test/idle-parts.ts";
import { median, report } from "./figure.ts";

const PATHS = 200_000;
const VOTERS = 5;
const ROUNDS = 3;

const crypto = nodeCrypto();
const folder = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const store = await openEmbeddedStore(join(folder, "store"));
const voters = Array.from({ length: VOTERS }, (_, i) => {
  const publicKey = crypto.ed25519PublicKey(crypto.sha256(utf8(`voter ${i}`)));
  return { logId: logIdOf(crypto, { protocol: NIX, publicKey }), name: `voter ${i}` };
});

/** A twentieth of its paths a voter has not built; a tenth come out in two ways. */
function changesOf(i: number): Change[] {
  const key = `/nix/store/${i.toString(2).padStart(32, "0")}-package-with-a-usual-name-${i % 977}`;
  const path = mapPath(crypto, utf8(key));
  const narHash = `sha256-${Buffer.from(path).toString("base64")}`;
  return voters.flatMap((_, serial): Change[] => {
    if ((i + 4 * serial) % 20 === 0) return [];
    const narSize = i % 10 === 3 && serial % 2 === 1 ? 2000 : 1000;
    const value = encodeNixValue({ path: key, narHash, narSize, references: [key] });
    const digest = crypto.sha256(value);
    return [claimChange(path, serial, { digest, index: i, firstSeen: 1 }), [valueKey(digest), value]];
  });
}

for (let at = 0; at < PATHS; at += 5000)
  await store.write(Array.from({ length: 5000 }, (_, i) => changesOf(at + i)).flat());
await store.compact();

function policyOf(threshold: number): Policy {
  return { ...POLICY_DEFAULTS, protocol: NIX, rules: [{ engine: "quorum", threshold, voters: undefined }], voters };
}

const simulate = createSimulate({
  crypto,
  clock: { now: () => Date.now(), after: () => ({ cancel: () => undefined }) },
  store,
  policies: [policyOf(3)],
  builders: NO_STANDING,
  voters: new Map(voters.map(({ logId }, serial) => [serial, { logId, size: () => PATHS }])),
  own: [],
  values: openAllValues(store, crypto),
  entry: () => Promise.resolve(undefined),
  isOnlyAsked: () => false,
  isCache: () => false,
  sandbox: () => Promise.reject(new Error("no function is tried")),
});

const { signal } = new AbortController();
const rates: number[] = [];
let longest = 0;
for (let round = 0; round <= ROUNDS; round++) {
  let last = performance.now();
  const beat = setInterval(() => {
    if (round > 0) longest = Math.max(longest, performance.now() - last - 1);
    last = performance.now();
  }, 1);
  let count = 0;
  let after: Uint8Array | undefined;
  const start = performance.now();
  do {
    const question = { protocol: "nix", policy: policyOf(4), after, each: false, maxBytes: 1 << 20 };
    const page = await simulate.page(question, signal);
    count += page.count;
    after = page.next;
  } while (after !== undefined);
  clearInterval(beat);
  if (count !== PATHS) throw new Error(`${count} paths came of ${PATHS}`);
  // The first round warms up the compiler and the store's cache.
  if (round > 0) rates.push((PATHS * 1000) / (performance.now() - start));
}
await store.close();
await rm(folder, { recursive: true, force: true });

report({
  name: "policy simulate, 5 voters",
  value: median(rates),
  unit: "paths/s",
  better: "more",
  target: 50_000,
  how: `${PATHS} paths, a tenth of them claimed differently, embedded store, two policies, median of ${ROUNDS}; no other work waited longer than ${longest.toFixed(0)} ms`,
});
