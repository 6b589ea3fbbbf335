import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import { utf8, utf8Text } from "@trustix/crypto";
import {
  derivationPath,
  envBytes,
  envText,
  nameOf,
  NixFormatError,
  parseDerivation,
  printDerivation,
  storePathOfBaseName,
} from "../src/index.ts";
import { derivation } from "./arbitraries.ts";
import { fixturesIn, runs } from "./fixtures.ts";

const crypto = nodeCrypto();
const fixtures = fixturesIn("drv");
const named = (name: string) =>
  parseDerivation(fixtures.find(({ file }) => file.endsWith(`-fixture-${name}.drv`))!.bytes);

describe.each(fixtures)("$name", ({ file, bytes }) => {
  const parsed = parseDerivation(bytes);

  test("prints back to nix's bytes", () => {
    expect(Buffer.from(printDerivation(parsed)).equals(bytes)).toBe(true);
  });

  test("its path follows from its content, so that a forged one shows", () => {
    const path = storePathOfBaseName(file);
    expect(derivationPath(crypto, bytes, parsed, nameOf(path))).toBe(path);
  });
});

test("what a derivation says is read: outputs of all kinds, inputs, environment", () => {
  expect(named("multi-1.0").outputs.map(({ name }) => name)).toEqual(["dev", "doc", "out"]);
  expect(named("flat").outputs[0]).toMatchObject({
    hashAlgorithm: "sha256",
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(named("recursive").outputs[0]).toMatchObject({ hashAlgorithm: "r:sha256" });
  expect(named("floating").outputs[0]).toEqual({ name: "out", path: undefined, hashAlgorithm: "r:sha256", hash: "" });
  expect(named("impure").outputs[0]).toMatchObject({ path: undefined, hash: "impure" });
  expect(named("deferred").outputs[0]).toEqual({ name: "out", path: undefined, hashAlgorithm: "", hash: "" });
  expect(named("app-1.0").inputDrvs.map(([, of]) => of.outputs)).toEqual([["dev", "out"]]);
  expect(JSON.parse(envText(named("structured"), "__json")!)).toMatchObject({ preferLocalBuild: true });
});

test("strings are bytes: escapes are undone, what is not UTF-8 is kept", () => {
  const odd = named("odd");
  expect(envText(odd, "escapes")).toBe('quote " backslash \\ dollar $ newline \n tab \t return \r end');
  expect(envText(odd, "bytes")).toBeUndefined();
  expect(envBytes(odd, "bytes")!.slice(0, 2)).toEqual(Uint8Array.of(0xff, 0xfe));
  expect(envText(odd, "empty")).toBe("");
  expect(envText(odd, "missing")).toBeUndefined();
});

test("any derivation reads back from what was printed", () => {
  fc.assert(
    fc.property(derivation, (value) => {
      expect(parseDerivation(printDerivation(value))).toEqual(value);
    }),
    runs(200),
  );
});

test("dynamic inputs are read and written", () => {
  const path = "/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-a.drv";
  const text = `DrvWithVersion("xp-dyn-drv",[],[("${path}",(["out"],[("out",["x"]),("y",(["a"],[("b",[])]))]))],[],"s","b",[],[])`;
  const parsed = parseDerivation(utf8(text));
  expect(parsed.inputDrvs[0]![1]).toEqual({
    outputs: ["out"],
    dynamic: [
      ["out", { outputs: ["x"], dynamic: [] }],
      ["y", { outputs: ["a"], dynamic: [["b", { outputs: [], dynamic: [] }]] }],
    ],
  });
  expect(utf8Text(printDerivation(parsed))).toBe(text);
});

test("bytes that are no derivation are refused with a NixFormatError and nothing else", () => {
  const base = fixtures.find(({ file }) => file.includes("multi"))!.bytes;
  const change = fc.tuple(fc.nat(base.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\()[],'))));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(base.length), (changes, length) => {
      const bytes = base.slice(0, length % 4 === 0 ? length : base.length);
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      try {
        expect(Buffer.from(printDerivation(parseDerivation(bytes))).equals(bytes)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(NixFormatError);
      }
    }),
    runs(500),
  );
});
