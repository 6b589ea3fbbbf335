import { createHash } from "node:crypto";
import { fromHex, toHex, utf8 } from "@trustix/crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeCrypto, randomSeed } from "../src/index.ts";

const crypto = nodeCrypto();

test("every form of SHA-256 gives the same 32 bytes, also into views with an offset", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(40), fc.nat(40), (data, viewAt, writeAt) => {
      const wanted = createHash("sha256").update(data).digest("hex");
      expect(toHex(crypto.sha256(data))).toBe(wanted);
      const whole = new Uint8Array(200).fill(7);
      const view = whole.subarray(viewAt, viewAt + 100);
      crypto.sha256Into(data, view, writeAt);
      expect(toHex(view.subarray(writeAt, writeAt + 32))).toBe(wanted);
      expect(whole.subarray(0, viewAt + writeAt).every((byte) => byte === 7)).toBe(true);
      expect(whole.subarray(viewAt + writeAt + 32).every((byte) => byte === 7)).toBe(true);
      const running = crypto.sha256Stream();
      running.update(data.subarray(0, data.length >> 1));
      running.update(data.subarray(data.length >> 1));
      expect(toHex(running.digest())).toBe(wanted);
    }),
  );
});

// RFC 8032, section 7.1, tests 1 and 2.
test.each([
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
])("Ed25519 with seed %s is as RFC 8032 prints it", (seed, publicKey, message, signature) => {
  expect(toHex(crypto.ed25519PublicKey(fromHex(seed)))).toBe(publicKey);
  expect(toHex(crypto.ed25519Sign(fromHex(seed), fromHex(message)))).toBe(signature);
  expect(crypto.ed25519Verify(fromHex(publicKey), fromHex(message), fromHex(signature))).toBe(true);
});

test("a signature with any bit changed, or parts of a wrong length, do not verify and do not throw", () => {
  const seed = randomSeed();
  const key = crypto.ed25519PublicKey(seed);
  const message = utf8("a head");
  const signature = crypto.ed25519Sign(seed, message);
  for (let bit = 0; bit < 512; bit += 5) {
    const changed = Uint8Array.from(signature);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(crypto.ed25519Verify(key, message, changed)).toBe(false);
  }
  expect(crypto.ed25519Verify(key, utf8("another head"), signature)).toBe(false);
  expect(crypto.ed25519Verify(key.subarray(1), message, signature)).toBe(false);
  expect(crypto.ed25519Verify(key, message, signature.subarray(1))).toBe(false);
  expect(crypto.ed25519Verify(new Uint8Array(32).fill(255), message, signature)).toBe(false);
  expect(() => crypto.ed25519Sign(seed.subarray(1), message)).toThrow(/32 bytes, got 31/);
});

test("keys used after more keys than are remembered still sign right", () => {
  const first = randomSeed();
  const before = crypto.ed25519Sign(first, utf8("x"));
  for (let i = 0; i < 300; i++) crypto.ed25519Sign(randomSeed(), utf8("x"));
  expect(crypto.ed25519Sign(first, utf8("x"))).toEqual(before);
});
