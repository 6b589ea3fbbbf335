import fc from "fast-check";
import { expect, test } from "vitest";
import { packageOf } from "../../src/index.ts";

const HASH = "0123456789abcdfghijklmnpqrsvwxyz";

test.each([
  [`/nix/store/${HASH}-hello-2.12.1`, "hello"],
  ["hello-2.12.1", "hello"],
  ["openssl-3.0.13-dev", "openssl"],
  ["python3.11-requests-2.31.0", "python3.11-requests"],
  ["glibc-2.39-52-bin", "glibc"],
  ["source", "source"],
  ["nixos-system-host-24.05", "nixos-system-host"],
  ["hook", "hook"],
  ["-1", "-1"],
  ["hello-", "hello-"],
  ["hello-a-", "hello-a-"],
  [`/nix/store/${HASH}`, `/nix/store/${HASH}`],
  ["", ""],
  ["some other protocol's key", "some other protocol's key"],
])("%s is of the package %s", (key, name) => {
  expect(packageOf(key)).toBe(name);
});

test("a name is bounded, whatever comes", () => {
  fc.assert(fc.property(fc.string({ maxLength: 2000 }), (key) => packageOf(key).length <= 211));
  expect(packageOf("x".repeat(100_000))).toHaveLength(211);
});
