/** Random values of this package's types, for the tests of everybody who has to do with them. */
import fc from "fast-check";
import {
  sha256Hash,
  sortedPaths,
  storePathOfBaseName,
  toNix32,
  type CacheSignature,
  type ContentAddress,
  type Derivation,
  type InputOutputs,
  type NarInfo,
  type NarTree,
  type NixHash,
  type StorePath,
} from "../src/index.ts";

const digest = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

export const nixHash: fc.Arbitrary<NixHash> = fc.oneof(
  digest(32).map(sha256Hash),
  digest(16).map((bytes): NixHash => ({ algorithm: "md5", digest: bytes })),
  digest(20).map((bytes): NixHash => ({ algorithm: "sha1", digest: bytes })),
  digest(64).map((bytes): NixHash => ({ algorithm: "sha512", digest: bytes })),
);

export const storePath: fc.Arbitrary<StorePath> = fc
  .tuple(digest(20), fc.stringMatching(/^[0-9A-Za-z+_?=][0-9A-Za-z+\-._?=]{0,30}$/))
  .map(([hashPart, name]) => storePathOfBaseName(`${toNix32(hashPart)}-${name}`));

export const storePaths: fc.Arbitrary<StorePath[]> = fc.array(storePath, { maxLength: 6 }).map(sortedPaths);

export const cacheSignature: fc.Arbitrary<CacheSignature> = fc.record({
  name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/),
  signature: digest(64),
});

export const contentAddress: fc.Arbitrary<ContentAddress> = fc.record({
  method: fc.constantFrom("text" as const, "flat" as const, "nar" as const, "git" as const),
  hash: nixHash,
});

const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const orNone = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

export const narInfo: fc.Arbitrary<NarInfo> = fc.record({
  storePath,
  url: fc.constantFrom("nar/1.nar.xz", "/nar/a?hash=%20", "https://cache.example/a/b.nar", "f0e1d2-uuid"),
  compression: fc.constantFrom("xz", "zstd", "none", "bzip2", "br", "gzip", "lz4"),
  fileHash: orNone(nixHash),
  fileSize: orNone(size),
  narHash: digest(32),
  narSize: size,
  references: storePaths,
  deriver: orNone(storePath),
  signatures: fc.array(cacheSignature, { maxLength: 3 }),
  ca: orNone(contentAddress),
});

const fileName = fc.uint8Array({ minLength: 1, maxLength: 12 }).filter((name) => {
  const text = Buffer.from(name).toString("latin1");
  return text !== "." && text !== ".." && !text.includes("/") && !text.includes("\0");
});

/** Trees of some depth with files of any size around the padding's borders. */
export const narTree: fc.Arbitrary<NarTree> = fc.letrec<{ node: NarTree }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    fc.record({
      type: fc.constant("regular" as const),
      executable: fc.boolean(),
      contents: fc.uint8Array({ maxLength: 40 }),
    }),
    fc.record({
      type: fc.constant("symlink" as const),
      target: fc.uint8Array({ min: 1, minLength: 1, maxLength: 20 }),
    }),
    fc
      .uniqueArray(fc.tuple(fileName, tie("node")), {
        maxLength: 5,
        selector: ([name]) => Buffer.from(name).toString("hex"),
      })
      .map((entries): NarTree => ({ type: "directory", entries })),
  ),
})).node;

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.string({ maxLength: 20 }).map((text) => new TextEncoder().encode(text)),
  fc.constant(new TextEncoder().encode('"\\\n\r\t')),
);
const outputName = fc.stringMatching(/^[a-z]{1,8}$/);
const outputNames = fc.uniqueArray(outputName, { maxLength: 3 });

const inputOutputs = (dynamic: boolean): fc.Arbitrary<InputOutputs> =>
  fc.letrec<{ of: InputOutputs }>((tie) => ({
    of: fc.record({
      outputs: outputNames,
      dynamic: dynamic
        ? fc.oneof(
            { maxDepth: 3 },
            fc.constant([]),
            fc.uniqueArray(fc.tuple(outputName, tie("of")), { maxLength: 2, selector: ([name]) => name }),
          )
        : fc.constant([]),
    }),
  })).of;

export const derivation: fc.Arbitrary<Derivation> = fc.boolean().chain((dynamic) =>
  fc.record({
    version: fc.constant(dynamic ? "xp-dyn-drv" : undefined),
    outputs: fc.uniqueArray(
      fc.record({
        name: outputName,
        path: orNone(storePath),
        hashAlgorithm: fc.constantFrom("", "sha256", "r:sha256"),
        hash: fc.constantFrom("", "impure", "00ff"),
      }),
      { maxLength: 3, selector: (output) => output.name },
    ),
    inputDrvs: fc.uniqueArray(fc.tuple(storePath, inputOutputs(dynamic)), { maxLength: 3, selector: ([path]) => path }),
    inputSrcs: storePaths,
    system: fc.constantFrom("x86_64-linux", "builtin"),
    builder: bytes,
    args: fc.array(bytes, { maxLength: 4 }),
    env: fc.uniqueArray(fc.tuple(bytes, bytes), {
      maxLength: 5,
      selector: ([name]) => Buffer.from(name).toString("hex"),
    }),
  }),
);
