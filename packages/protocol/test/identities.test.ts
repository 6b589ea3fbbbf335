import { fromHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { describe, expect, test } from "vitest";
import { findProtocol, logIdOf, parseLogId, parseProtocol, protocolFromWire } from "../src/index.ts";
import { logIds } from "./vectors.ts";

const crypto = nodeCrypto();

describe("log ids", () => {
  test("are those of the existing programs for every protocol, mode, key type and key", () => {
    let checked = 0;
    for (const c of logIds.cases) {
      if ("error" in c) {
        expect(findProtocol(c.protocol)).toBeUndefined();
        expect(() => parseProtocol(c.protocol)).toThrow(/is not known; known are nix/);
        continue;
      }
      const protocol = parseProtocol(c.protocol);
      expect(protocol.id).toBe(c.protocolID);
      const publicKey = fromHex(c.pubKeyHex);
      expect(logIdOf(crypto, { protocol, publicKey, mode: c.mode, keyType: c.keyType })).toBe(c.logID);
      checked++;
    }
    expect(checked).toBe(128);
  });

  test.each(["", "ab", "5FEA".padEnd(64, "0"), `${"0".repeat(64)}\n`, "g".repeat(64), "0".repeat(65)])(
    "the text %j is refused",
    (text) => {
      expect(() => parseLogId(text)).toThrow(/64 lower-case hex digits wanted/);
    },
  );

  test("a hostile text is cut and escaped in the message", () => {
    expect(() => parseLogId(`\u001b[31m${"x".repeat(1000)}`)).toThrow(/^log id: "\\u001b\[31mx{70,80}…" came/);
  });
});

test("a protocol of a peer that is not known here keeps its id as its name; what is no UUID is refused", () => {
  const id = "00000000-1111-2222-3333-444444444444";
  expect(protocolFromWire(id)).toEqual({ id, name: id });
  expect(protocolFromWire("5138a791-8d00-4182-96bc-f1f2688cdde2").name).toBe("nix");
  expect(() => protocolFromWire("nix")).toThrow(/UUID wanted/);
});
