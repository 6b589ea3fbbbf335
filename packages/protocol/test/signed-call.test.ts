import { fromHex, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  keyPairOfSeed,
  MAX_SIGNED_CALL,
  openSignedCall,
  ProtocolError,
  signCall,
  tokenHeader,
  verifyTokenHeader,
  type PublicToken,
} from "../src/index.ts";
import { callToSign, keyPair, tokenName } from "./arbitraries.ts";
import { signedCalls } from "./vectors.ts";

const crypto = nodeCrypto();
const knowing = (token: PublicToken) => new Map([[token.name, token]]);

describe("the vectors", () => {
  test.each(signedCalls.cases)("$description: made and opened", (v) => {
    const { name, procedure, audience, time } = v;
    const keys = keyPairOfSeed(crypto, fromHex(v.seed));
    expect(toHex(keys.publicKey)).toBe(v.publicKey);
    const call = {
      procedure,
      audience,
      time,
      nonce: fromHex(v.nonce),
      bodyDigest: crypto.sha256(fromHex(v.body)),
    };
    expect(signCall(crypto, { name, ...keys }, call)).toBe(v.header);
    expect(openSignedCall(crypto, knowing({ name, publicKey: keys.publicKey }), v.header)).toEqual({ name, ...call });
    const signed = fromHex(v.signed);
    const signature = Buffer.from(v.header.split(" ").at(-1)!, "base64");
    expect(crypto.ed25519Verify(keys.publicKey, signed, signature)).toBe(true);
    expect(Buffer.from(signed).toString()).toBe(`trustix-signed-call\n${v.header.slice(0, v.header.lastIndexOf(" "))}`);
  });

  test.each(signedCalls.refused)("$description is refused as $code", ({ header, code }) => {
    const { name, publicKey } = signedCalls.cases[0]!;
    const known = knowing({ name, publicKey: fromHex(publicKey) });
    let refusal: unknown;
    try {
      openSignedCall(crypto, known, header);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(ProtocolError);
    expect((refusal as ProtocolError).code).toBe(code);
    expect((refusal as ProtocolError).message.length).toBeLessThan(300);
  });
});

test("any call of any token is said by a header within the bound, and read back", () => {
  fc.assert(
    fc.property(keyPair, tokenName, callToSign, (keys, name, call) => {
      const header = signCall(crypto, { name, ...keys }, call);
      expect(header).toMatch(/^[!-~]+( [!-~]+){7}$/);
      expect(header.length).toBeLessThanOrEqual(MAX_SIGNED_CALL);
      expect(openSignedCall(crypto, knowing({ name, publicKey: keys.publicKey }), header)).toEqual({ name, ...call });
    }),
    { numRuns: 50 },
  );
});

test("one changed character anywhere is refused", () => {
  const { header, name, publicKey } = signedCalls.cases[0]!;
  const known = knowing({ name, publicKey: fromHex(publicKey) });
  for (let i = 0; i < header.length; i++) {
    for (const put of ["A", "1", " "]) {
      if (header[i] === put) continue;
      const changed = header.slice(0, i) + put + header.slice(i + 1);
      expect(() => openSignedCall(crypto, known, changed), `${put} at ${i}`).toThrow(ProtocolError);
    }
  }
});

test("the longest name fits, and a call that no header can say is not signed", () => {
  const keys = keyPairOfSeed(crypto, new Uint8Array(32).fill(1));
  const call = { procedure: "/a.B/C", audience: "a:1", time: 1, nonce: new Uint8Array(16), bodyDigest: keys.seed };
  const name = "\u20ac".repeat(255);
  const header = signCall(crypto, { name, ...keys }, { ...call, audience: `${"a".repeat(253)}:65535` });
  expect(header.length).toBeLessThan(MAX_SIGNED_CALL);
  const token = { name: "n", ...keys };
  for (const wrong of [
    { audience: "two words" },
    { audience: "" },
    { time: 1.5 },
    { time: Number.MAX_SAFE_INTEGER },
    { procedure: "/a.B/C D" },
    { nonce: new Uint8Array(15) },
    { bodyDigest: new Uint8Array(0) },
  ]) {
    expect(() => signCall(crypto, token, { ...call, ...wrong }), JSON.stringify(wrong)).toThrow(ProtocolError);
  }
});

test("neither kind of token can be made to pass for the other", () => {
  fc.assert(
    fc.property(keyPair, callToSign, (keys, call) => {
      const token = { name: "n", ...keys };
      const header = signCall(crypto, token, call);
      const sig = header.slice(header.lastIndexOf(" ") + 1);
      const old = JSON.stringify({ name: "n", sig });
      expect(() => verifyTokenHeader(crypto, new Map([["n", token]]), old, call.procedure)).toThrow(/not signed for/);
      const oldSig = (JSON.parse(tokenHeader(crypto, token, call.procedure)) as { sig: string }).sig;
      const forged = `${header.slice(0, header.lastIndexOf(" "))} ${oldSig}`;
      expect(() => openSignedCall(crypto, knowing(token), forged)).toThrow(/not signed by the key/);
    }),
    { numRuns: 20 },
  );
});
