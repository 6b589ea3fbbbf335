import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "@trustix/crypto";
import {
  formatNix32Hash,
  formatSriHash,
  hashPartOf,
  NixFormatError,
  parseNarInfo,
  parsePathInfos,
  parseSha256,
  sha256Hash,
  type PathInfo,
  type ValidPathInfo,
} from "../src/index.ts";
import { fixture, fixturesIn, fixtureText, runs, VERSIONS } from "./fixtures.ts";

const valid = (infos: readonly PathInfo[]): ValidPathInfo[] => infos.flatMap((info) => (info.valid ? [info] : []));

describe.each(VERSIONS)("nix %s", (version) => {
  test("path-info of a store says what the narinfo of the same path says", () => {
    const infos = valid(parsePathInfos(fixture(version, "path-info/closure.json")));
    expect(infos.map((info) => info.storePath).sort()).toEqual(
      fixtureText(version, "path-info/paths.txt").trim().split("\n"),
    );
    for (const info of infos) {
      const { narHash, narSize, references, deriver, ca } = parseNarInfo(
        fixture(version, `narinfo/xz/${hashPartOf(info.storePath)}.narinfo`),
      );
      expect(info).toMatchObject({ narHash, narSize, references });
      expect(info.deriver).toEqual(deriver);
      expect(info.ca).toEqual(ca);
      expect(info.registrationTime).toBeGreaterThan(1_700_000_000);
    }
    const built = infos.filter((info) => info.ultimate).map((info) => info.storePath);
    expect(built.some((path) => path.endsWith("-fixture-app-1.0"))).toBe(true);
  });

  test("path-info of a cache has the signatures", () => {
    const infos = valid(parsePathInfos(fixture(version, "path-info/cache.json")));
    for (const info of infos) {
      const narinfo = parseNarInfo(fixture(version, `narinfo/xz/${hashPartOf(info.storePath)}.narinfo`));
      expect(info.signatures).toEqual(narinfo.signatures);
    }
    expect(infos.length).toBeGreaterThan(5);
  });

  test("a path that the store does not have is not valid", () => {
    expect(parsePathInfos(fixture(version, "path-info/invalid.json"))).toEqual([
      { valid: false, storePath: "/nix/store/00000000000000000000000000000000-missing" },
    ]);
  });
});

const A = "00000000000000000000000000000000-a";
const B = "00000000000000000000000000000000-b";
const DIGEST = parseSha256(`sha256:${"0a".repeat(32)}`);
const SRI = formatSriHash(sha256Hash(DIGEST));
const NIX32 = formatNix32Hash(sha256Hash(DIGEST));
const SIG = Buffer.alloc(64, 7).toString("base64");
const facts = { narHash: SRI, narSize: 120, registrationTime: 9, ultimate: true };
const full = { ...facts, references: [`/nix/store/${B}`, `/nix/store/${A}`], deriver: `/nix/store/${B}` };
const based = { ...facts, references: [B, A], deriver: B, storeDir: "/nix/store", compression: "xz" };
const ca = { method: "nar", hash: SRI };

// Shapes of versions that no fixture was written by, from their documentation.
test.each<[string, unknown]>([
  ["2.3", [{ path: `/nix/store/${A}`, ...full, narHash: NIX32, ca: `fixed:r:${NIX32}`, signatures: [`k:${SIG}`] }]],
  ["2.4, Lix", [{ path: `/nix/store/${A}`, valid: true, ...full, ca: `fixed:r:${NIX32}`, signatures: [`k:${SIG}`] }]],
  ["2.19", { [`/nix/store/${A}`]: { ...full, ca: `fixed:r:${NIX32}`, signatures: [`k:${SIG}`] } }],
  [
    "2.33 format 1",
    {
      [`/nix/store/${A}`]: {
        version: 1,
        ...full,
        storeDir: "/nix/store",
        ca: `fixed:r:${NIX32}`,
        signatures: [`k:${SIG}`],
      },
    },
  ],
  [
    "2.33 format 2",
    { version: 2, storeDir: "/nix/store", info: { [A]: { version: 2, ...based, ca, signatures: [`k:${SIG}`] } } },
  ],
  [
    "2.35 format 3",
    {
      version: 3,
      storeDir: "/nix/store",
      info: { [A]: { version: 3, ...based, ca, signatures: [{ keyName: "k", sig: SIG }] } },
    },
  ],
  [
    "hash as object",
    {
      [`/nix/store/${A}`]: {
        ...full,
        narHash: { algorithm: "sha256", format: "base64", hash: SRI.slice(7) },
        ca,
        signatures: [`k:${SIG}`],
      },
    },
  ],
])("the shape of %s says the same", (_version, json) => {
  expect(parsePathInfos(utf8(JSON.stringify(json)))).toEqual([
    {
      valid: true,
      storePath: `/nix/store/${A}`,
      narHash: DIGEST,
      narSize: 120,
      references: [`/nix/store/${A}`, `/nix/store/${B}`],
      deriver: `/nix/store/${B}`,
      ca: { method: "nar", hash: sha256Hash(DIGEST) },
      signatures: [{ name: "k", signature: new Uint8Array(64).fill(7) }],
      ultimate: true,
      registrationTime: 9,
    },
  ]);
});

test("absent fields come as nothing, also when they are null", () => {
  const bare = { narHash: SRI, narSize: 1, ca: null, deriver: null, registrationTime: null };
  const infos = parsePathInfos(utf8(JSON.stringify({ [`/nix/store/${A}`]: bare, [`/nix/store/${B}`]: null })));
  expect(infos).toEqual([
    {
      valid: true,
      storePath: `/nix/store/${A}`,
      narHash: DIGEST,
      narSize: 1,
      references: [],
      deriver: undefined,
      ca: undefined,
      signatures: [],
      ultimate: false,
      registrationTime: undefined,
    },
    { valid: false, storePath: `/nix/store/${B}` },
  ]);
  expect(parsePathInfos(utf8("{}"))).toEqual([]);
  expect(parsePathInfos(utf8("[]"))).toEqual([]);
});

test("JSON of any other shape is refused with a NixFormatError and nothing else", () => {
  const base = JSON.parse(
    Buffer.from(fixturesIn("path-info").find(({ file }) => file === "closure.json")!.bytes).toString(),
  );
  const wrap = (value: unknown) => fc.constantFrom(value, [value], { [`/nix/store/${A}`]: value }, { info: value });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.jsonValue().chain(wrap),
        fc
          .dictionary(fc.constantFrom(...Object.keys(full), "path", "valid", "storeDir"), fc.jsonValue())
          .chain((odd) =>
            wrap({ ...(Array.isArray(base) ? base[0] : Object.values(base)[0]), path: `/nix/store/${A}`, ...odd }),
          ),
      ),
      (json) => {
        try {
          expect(Array.isArray(parsePathInfos(utf8(JSON.stringify(json))))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(NixFormatError);
        }
      },
    ),
    runs(500),
  );
});
