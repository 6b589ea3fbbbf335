/** Evidence of every kind: it convicts whoever signed it, nobody else, and nothing of it can be changed. */
import { fromBase64, toBase64, utf8, utf8Text } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { parseCacheSignature, parseNarInfo, parseStorePath, printNarInfo } from "@trustix/nix-formats";
import { ProtocolError, mapEntryBytes } from "@trustix/protocol";
import { FakeLog, evidenceExamples, narInfo } from "@trustix/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkEvidence, describeEvidence, readEvidence, writeEvidence } from "../src/index.ts";
import type { Evidence, EvidenceKind } from "../src/index.ts";

const crypto = nodeCrypto();
const { publicKey } = new FakeLog(crypto, "saturn").info;
const examples = evidenceExamples(crypto, "saturn");
const exampleOf = <K extends EvidenceKind>(kind: K): Extract<Evidence, { kind: K }> =>
  examples.find(({ evidence }) => evidence.kind === kind)!.evidence as Extract<Evidence, { kind: K }>;
const runs = (numRuns: number): number => numRuns * (process.env["SLOW"] === "1" ? 20 : 1);

const KINDS: Readonly<Record<EvidenceKind, RegExp>> = {
  same_size: /^two signed heads of size 9 differ \([0-9a-f]{8} and [0-9a-f]{8}\)$/,
  map_heads_missing: /^the head of size 12 has 2 map heads, the one of size 9 already had 10$/,
  log_rewritten: /^the log of size 7 does not begin with the one of size 3$/,
  map_heads_rewritten: /^the map heads under size 7 do not begin with those under size 3$/,
  map_root: /^the head of size 6 names another map root than its own list of map heads$/,
  map_entry_differs:
    /^under the head of size 11 the map names entry 5 for key 6b.*, and the log has another entry there$/,
  key_twice: /^the log of size 10 holds key 6b.* twice, as entries 5 and 8$/,
  key_missing_in_map: /^under the head of size 11 entry 5 of the log is key 6b.*, and the map has no such key$/,
  cache_key_signed_two: /^the key signed two different answers for \/nix\/store\/14z.*-hello-2\.12$/,
};

test("there is an example of every kind, and each is described in a sentence", () => {
  for (const [kind, sentence] of Object.entries(KINDS)) {
    expect(describeEvidence(exampleOf(kind as EvidenceKind))).toMatch(sentence);
  }
});

describe.each(examples)("$what", ({ evidence }) => {
  const file = writeEvidence(evidence);

  test("convicts the key that signed it, after a trip through a file, and no other", () => {
    const read = readEvidence(file);
    expect(read).toEqual(evidence);
    checkEvidence(crypto, read, publicKey);
    const other = new FakeLog(crypto, "another").info.publicKey;
    expect(() => checkEvidence(crypto, read, other)).toThrow("it accuses another key");
    expect(() => checkEvidence(crypto, { ...read, publicKey: other }, other)).toThrow(/does not convict: .*not signed/);
  });

  test("with any changed byte it convicts nobody", () => {
    const parts = [...partsOf(JSON.parse(utf8Text(file)) as Json)].filter(({ name }) => !name.startsWith("narInfos"));
    const change = fc.record({ part: fc.constantFrom(...parts), at: fc.nat(), bit: fc.nat(7) });
    fc.assert(
      fc.property(change, ({ part, at, bit }) => {
        const json = JSON.parse(utf8Text(file)) as Json;
        const changed = part.change(json, at, bit);
        expect(() => convicts(utf8(JSON.stringify(changed)))).toThrow(ProtocolError);
      }),
      { numRuns: runs(60) },
    );
  });

  test("with any changed byte of the file it is refused", () => {
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = file.slice();
        changed[at]! ^= by;
        if (evidence.kind === "cache_key_signed_two" && isUnsigned(file, at)) return;
        expect(() => convicts(changed)).toThrow(ProtocolError);
      }),
      { numRuns: runs(200) },
    );
  });
});

/** Throws unless the file convicts the key. */
function convicts(file: Uint8Array): void {
  checkEvidence(crypto, readEvidence(file), publicKey);
}

type Json = { [name: string]: unknown };
interface Part {
  readonly name: string;
  readonly change: (json: Json, at: number, bit: number) => Json;
}

/** Every base64 text in the object, with what flips a bit of its bytes; numbers are moved by one. */
function* partsOf(json: unknown, path: readonly (string | number)[] = []): Generator<Part> {
  const name = path.join(".");
  const set = (root: Json, value: unknown): Json => {
    let node = root as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) node = node[step] as Record<string | number, unknown>;
    node[path.at(-1)!] = value;
    return root;
  };
  if (typeof json === "number") {
    yield { name, change: (root, _at, bit) => set(root, bit < 4 ? json + 1 : json - 1) };
  } else if (typeof json === "string" && !["format", "kind"].includes(name)) {
    yield {
      name,
      change: (root, at, bit) => {
        const bytes = fromBase64(json);
        if (bytes.length === 0) return set(root, "AA==");
        bytes[at % bytes.length]! ^= 1 << bit;
        return set(root, toBase64(bytes));
      },
    };
  } else if (typeof json === "object" && json !== null) {
    for (const [key, value] of Object.entries(json)) {
      yield* partsOf(value, [...path, Array.isArray(json) ? Number(key) : key]);
    }
  }
}

/** Whether the byte stands in a line of a narinfo that no signature covers, or in a signature's name. */
function isUnsigned(file: Uint8Array, at: number): boolean {
  const text = utf8Text(file);
  // From the line's start (an escaped newline, or the text's quote) to its end.
  const from = Math.max(text.lastIndexOf("\\n", at), text.lastIndexOf('"', at - 1)) + 1;
  const line = text.slice(from).replace(/^n/, "");
  return !/^(StorePath|NarHash|NarSize|References)/.test(line);
}

describe("a cache key that signed two answers", () => {
  const changed = (change: (info: ReturnType<typeof parseNarInfo>) => object): Uint8Array => {
    const info = parseNarInfo(narInfo(crypto, "saturn", "one"));
    return utf8(printNarInfo({ ...info, ...change(info) } as typeof info));
  };
  const against = (first: Uint8Array, second: Uint8Array): Evidence => ({
    publicKey,
    kind: "cache_key_signed_two",
    narInfos: [first, second],
  });
  const one = narInfo(crypto, "saturn", "one");

  test.each([
    ["the same bytes", one],
    ["another URL", changed(() => ({ url: "nar/elsewhere.nar.zst", compression: "zstd" }))],
    ["another deriver", changed((info) => ({ deriver: info.references[0] }))],
    [
      "another name for the key",
      changed((info) => ({ signatures: info.signatures.map((s) => ({ ...s, name: "x" })) })),
    ],
    [
      "a signature by somebody else beside it",
      changed((info) => ({ signatures: [...signaturesOf(narInfo(crypto, "venus", "one")), ...info.signatures] })),
    ],
  ])("%s of equal facts is no evidence", (_what, other) => {
    expect(() => checkEvidence(crypto, against(one, other), publicKey)).toThrow("state the same facts");
  });

  test.each([
    ["an unsigned answer", changed(() => ({ narSize: 121 }))],
    ["one signed by another key", narInfo(crypto, "venus", "other")],
    ["one without signatures", changed(() => ({ narSize: 121, signatures: [] }))],
  ])("%s proves nothing", (_what, other) => {
    expect(() => checkEvidence(crypto, against(one, other), publicKey)).toThrow("second narinfo is not signed");
    expect(() => checkEvidence(crypto, against(other, one), publicKey)).toThrow("first narinfo is not signed");
  });

  test("answers for two paths do not exclude each other", () => {
    const elsewhere = narInfo(crypto, "saturn", "other", "goodbye-1.0");
    expect(() => checkEvidence(crypto, against(one, elsewhere), publicKey)).toThrow("of two store paths");
  });

  test.each([
    ["NAR hash", narInfo(crypto, "saturn", "other")],
    ["NAR size", signedAnew(() => ({ narSize: 121 }))],
    ["set of references", signedAnew(() => ({ references: [] }))],
  ])("another %s convicts", (_what, other) => {
    checkEvidence(crypto, against(one, other), publicKey);
    checkEvidence(crypto, against(other, one), publicKey);
  });

  test("bytes that are no narinfo, and too many of them, prove nothing", () => {
    expect(() => checkEvidence(crypto, against(one, utf8("hello")), publicKey)).toThrow(/does not convict: narinfo/);
    const long = utf8(`X: ${"y".repeat(200_000)}\n${utf8Text(one)}`);
    expect(() => checkEvidence(crypto, against(one, long), publicKey)).toThrow("too long");
    expect(() => readEvidence(writeEvidence(against(one, long)))).toThrow("at most");
  });

  function signaturesOf(bytes: Uint8Array) {
    return parseNarInfo(bytes).signatures;
  }

  /** Facts of `one` with a change, signed by the same key. */
  function signedAnew(change: () => object): Uint8Array {
    const seed = crypto.sha256(utf8("fake log saturn"));
    const info = { ...parseNarInfo(narInfo(crypto, "saturn", "one")), ...change() };
    const text = printNarInfo({ ...info, signatures: [] });
    const facts = parseNarInfo(utf8(text));
    const fingerprint = `1;${facts.storePath};sha256:${/NarHash: sha256:(\w+)/.exec(text)![1]};${facts.narSize};${facts.references.join(",")}`;
    const sig = toBase64(crypto.ed25519Sign(seed, utf8(fingerprint)));
    return utf8(printNarInfo({ ...facts, signatures: [parseCacheSignature(`k:${sig}`)] }));
  }
});

describe("a map and a log that agree are no evidence", () => {
  const honest = new FakeLog(crypto, "saturn");
  const claims = Array.from({ length: 11 }, (_, i) => [`key ${i}`, `value ${i}`] as const);
  const head = honest.publish(...claims);
  const [key, stranger] = [utf8("key 5"), utf8("nobody")];
  const logged = (index: number) => ({
    digest: honest.entries[index]!.digest,
    index,
    logProof: honest.tree.audit(index, 11),
  });
  const { digest, leaf, entryBytes } = honest.entries[5]!;
  const mapProof = honest.mapProof(key, 11);
  const agree = {
    publicKey,
    kind: "map_entry_differs",
    head,
    key,
    mapProof,
    leaf,
    logProof: logged(5).logProof,
  } as const;
  const spelt = utf8(`{"Digest": "${toBase64(digest)}", "Index": 8}`);
  const oddly = new FakeLog(crypto, "saturn");
  oddly.add(...claims);
  oddly.lieInMap(5, spelt);

  test.each<[string, Evidence, string]>([
    ["the map's entry is the log's", { ...agree, entry: entryBytes! }, "the log's entry is the map's"],
    [
      "a leaf from elsewhere",
      { ...agree, entry: entryBytes!, leaf: honest.entries[4]!.leaf, logProof: logged(4).logProof },
      "has root",
    ],
    [
      "no leaf although the log reaches so far",
      { ...agree, entry: entryBytes!, leaf: undefined, logProof: [] },
      "does not end",
    ],
    ["a proof without a leaf", { ...agree, entry: entryBytes!, leaf: undefined }, "proves a leaf and names none"],
    ["an entry that the map does not have", { ...agree, entry: mapEntryBytes(digest, 8) }, "leads to root"],
    [
      "an entry in a spelling that readers may differ on",
      {
        ...agree,
        entry: spelt,
        head: oddly.sign(),
        mapProof: oddly.mapProof(key, 11),
        leaf: oddly.entries[8]!.leaf,
        logProof: oddly.tree.audit(8, 11),
      },
      "not spelt as the protocol says",
    ],
    [
      "one entry named twice",
      { publicKey, kind: "key_twice", head, key, entries: [logged(5), logged(5)] },
      "its two entries are not two",
    ],
    ["entries of two keys", { publicKey, kind: "key_twice", head, key, entries: [logged(5), logged(8)] }, "has root"],
    [
      "a key that the map has",
      { publicKey, kind: "key_missing_in_map", head, key, entry: logged(5), mapProof },
      "leads to root",
    ],
    [
      "a key that neither has",
      {
        publicKey,
        kind: "key_missing_in_map",
        head,
        key: stranger,
        entry: logged(5),
        mapProof: honest.mapProof(stranger, 11),
      },
      "has root",
    ],
  ])("%s", (_what, evidence, why) => {
    expect(() => checkEvidence(crypto, evidence, publicKey)).toThrow(why);
  });
});

test("a store path in a description is shown as it is, however hostile the key", () => {
  const evidence = exampleOf("key_twice");
  const shown = (key: Uint8Array): string => describeEvidence({ ...evidence, key });
  const path = parseStorePath("/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello-2.12");
  expect(shown(utf8(path))).toContain(` ${path} `);
  for (const key of [utf8("\u001b[2Jgone"), utf8("a b"), new Uint8Array(0), new Uint8Array(65_502).fill(97)]) {
    expect(shown(key)).toMatch(/^[ -~…]{1,400}$/);
  }
});
