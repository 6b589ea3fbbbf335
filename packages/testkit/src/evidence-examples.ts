/**
 * Evidence of every kind against one key, made from logs that lie and a cache that changes its mind: always the same
 * bytes. For tests of those who check, keep and hand on evidence.
 */
import type { Contradiction, Evidence } from "@trustix/client";
import type { Crypto } from "@trustix/crypto";
import { utf8 } from "@trustix/crypto";
import { inclusionDetour, rewriteDetour } from "@trustix/merkle";
import { parseStorePath, printNarInfo, sha256Hash, signFacts } from "@trustix/nix-formats";
import { mapEntryBytes } from "@trustix/protocol";
import { FakeLog } from "./fake-log.ts";

export interface EvidenceExample {
  /** What was done. */
  readonly what: string;
  readonly evidence: Evidence;
}

/** `name` makes the accused key, as `FakeLog` does; each kind at least once. */
export function evidenceExamples(crypto: Crypto, name: string): EvidenceExample[] {
  const { publicKey } = new FakeLog(crypto, name).info;
  const all: readonly (readonly [string, Contradiction])[] = [
    ...headExamples(crypto, name),
    ...entryExamples(crypto, name),
    [
      "one key signed two NAR hashes for one store path",
      { kind: "cache_key_signed_two", narInfos: [narInfo(crypto, name, "one"), narInfo(crypto, name, "other")] },
    ],
  ];
  return all.map(([what, contradiction]) => ({ what, evidence: { publicKey, ...contradiction } }));
}

const CLAIMS = Array.from({ length: 40 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
const REWRITTEN = CLAIMS.map(([key, value], i) => [key, i === 0 ? "other" : value] as const);

/** A log that published its first claims one by one. */
function steps(crypto: Crypto, name: string, claims: readonly (readonly [string, string])[]): FakeLog {
  const log = new FakeLog(crypto, name);
  for (const claim of claims) log.publish(claim);
  return log;
}

function headExamples(crypto: Crypto, name: string): (readonly [string, Contradiction])[] {
  const honest = steps(crypto, name, CLAIMS.slice(0, 9));
  const forked = steps(crypto, name, REWRITTEN.slice(0, 9));
  const all = new FakeLog(crypto, name);
  const rewritten = (from: number, to: number): Contradiction => {
    const { asked, needsLeafZero } = rewriteDetour(from, to);
    return {
      kind: "log_rewritten",
      first: honest.heads[from]!,
      second: forked.heads[to]!,
      proof: forked.tree.consistency(asked, to),
      leafZero: needsLeafZero ? forked.tree.leaves[0] : undefined,
    };
  };
  const mapHeads = (from: number, to: number): Contradiction => ({
    kind: "map_heads_rewritten",
    first: honest.heads[from]!,
    second: forked.heads[to]!,
    proof: forked.mapHeads.consistency(rewriteDetour(from + 1, to + 1).asked, to + 1),
    leafZero: undefined,
  });
  const lied = steps(crypto, name, CLAIMS.slice(0, 5));
  lied.add(["one", "more"]);
  const wrongRoot = lied.sign({ mapRoot: new Uint8Array(32).fill(9) });
  const young = new FakeLog(crypto, name);
  const firstLie = young.sign({ treeSize: 1, mapRoot: new Uint8Array(32).fill(9) });
  return [
    [
      "two heads of size 9 with different roots",
      { kind: "same_size", first: honest.heads[9]!, second: forked.heads[9]! },
    ],
    [
      "nine flushes, then a larger log with two",
      { kind: "map_heads_missing", first: honest.heads[9]!, second: all.publish(...CLAIMS.slice(0, 12)) },
    ],
    ["entry 0 rewritten between sizes 3 and 7", rewritten(3, 7)],
    ["entry 0 rewritten between sizes 4 and 9, a power of two first", rewritten(4, 9)],
    ["entry 0 rewritten between sizes 2 and 3: leaf 0 is needed", rewritten(2, 3)],
    ["map heads rewritten between 4 and 8", mapHeads(3, 7)],
    [
      "a head whose map root is not its last map head, among seven",
      { kind: "map_root", first: wrongRoot, proof: lied.mapHeads.consistency(inclusionDetour(6, 7).first!, 7) },
    ],
    [
      "a head whose map root is not its last map head, among two",
      { kind: "map_root", first: firstLie, proof: young.mapHeads.leaves },
    ],
  ];
}

function entryExamples(crypto: Crypto, name: string): (readonly [string, Contradiction])[] {
  const key = utf8("key 5");
  const logged = (log: FakeLog, index: number) => ({
    digest: log.entries[index]!.digest,
    index,
    logProof: log.tree.audit(index, log.entries.length),
  });
  const differs = (entry: Uint8Array, leafAt: number | undefined): Contradiction => {
    const log = new FakeLog(crypto, name);
    log.add(...CLAIMS.slice(0, 11));
    log.lieInMap(5, entry);
    return {
      kind: "map_entry_differs",
      head: log.sign(),
      key,
      entry,
      mapProof: log.mapProof(key, 11),
      leaf: leafAt === undefined ? undefined : log.entries[leafAt]!.leaf,
      logProof: leafAt === undefined ? [] : log.tree.audit(leafAt, 11),
    };
  };
  const twice = new FakeLog(crypto, name);
  twice.add(...CLAIMS.slice(0, 8), ["key 5", "another"], ["and", "more"]);
  const missing = new FakeLog(crypto, name);
  missing.add(...CLAIMS.slice(0, 11));
  missing.lieInMap(5, undefined);
  const backdoor = crypto.sha256(utf8("backdoor"));
  return [
    ["the map names another value than entry 5 has", differs(mapEntryBytes(backdoor, 5), 5)],
    ["the map names entry 8, which is another key's", differs(mapEntryBytes(crypto.sha256(utf8("value 5")), 8), 8)],
    ["the map names entry 11 of a log of 11", differs(mapEntryBytes(crypto.sha256(utf8("value 5")), 11), undefined)],
    [
      "a key logged as entry 5 and, with another value, as entry 8",
      { kind: "key_twice", head: twice.sign(), key, entries: [logged(twice, 5), logged(twice, 8)] },
    ],
    [
      "entry 5 is not in the map",
      {
        kind: "key_missing_in_map",
        head: missing.sign(),
        key,
        entry: logged(missing, 5),
        mapProof: missing.mapProof(key, 11),
      },
    ],
  ];
}

/** A narinfo signed by the key that `FakeLog` makes of `name`, under a key name of its own each time. */
export function narInfo(crypto: Crypto, name: string, content: string, storeName = "hello-2.12"): Uint8Array {
  const seed = crypto.sha256(utf8(`fake log ${name}`));
  const key = { name: `${name}-${content}`, seed, publicKey: crypto.ed25519PublicKey(seed) };
  const facts = {
    storePath: parseStorePath(`/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-${storeName}`),
    narHash: crypto.sha256(utf8(content)),
    narSize: 120,
    references: [parseStorePath("/nix/store/0c38pg1r2a0s1k1p6w9pr3jxbs1dvn0n-glibc-2.40")],
  };
  const info = {
    ...facts,
    url: `nar/${content}.nar.xz`,
    compression: "xz",
    fileHash: sha256Hash(crypto.sha256(utf8(`${content} xz`))),
    fileSize: 100,
    deriver: undefined,
    signatures: [signFacts(crypto, key, facts)],
    ca: undefined,
  };
  return utf8(printNarInfo(info));
}
