/** Where the proxy fetches from: what is configured, the caches that vote, what logs name. Each once, with all its keys. */
import { toBase64 } from "@trustix/crypto";
import { formatPublicCacheKey } from "@trustix/nix-formats";
import { loadConfig } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { expect, test } from "vitest";
import { upstreamsOf } from "../src/commands/binary-cache-proxy.ts";

const keyOf = (n: number): string => `k-${n}:${toBase64(nodeCrypto().ed25519PublicKey(new Uint8Array(32).fill(n)))}`;

async function upstreams(toml: string): Promise<string[]> {
  const files = { readFile: async () => Buffer.from(toml), mode: async () => 0o600, owner: async () => 0 };
  const config = await loadConfig("/c.toml", { crypto: nodeCrypto(), files, headMarkers: "/markers" });
  return upstreamsOf(config).map(({ url, publicKeys }) => [url, ...publicKeys.map(formatPublicCacheKey)].join(" "));
}

const voter = (n: number, url: string, mirrors: readonly string[] = []): string => `[[voters]]
kind = "binary-cache"
url = "${url}"
mirrors = ${JSON.stringify(mirrors)}
public-keys = ["${keyOf(n)}"]
`;

test("a cache that votes need not be listed again, and its keys are those of its places", async () => {
  expect(await upstreams(voter(1, "https://one/", ["https://mirror"]) + voter(2, "https://two"))).toEqual([
    `https://one ${keyOf(1)}`,
    `https://mirror ${keyOf(1)}`,
    `https://two ${keyOf(2)}`,
  ]);
});

test("what is configured comes first and keeps its place; a place is there once, with the keys of all who name it", async () => {
  const log = `[[subscribers]]
protocol = "nix"
publicKey = { type = "ed25519", key = "${keyOf(9).split(":")[1]}" }
meta = { upstream = "https://two/" }
[[subscribers]]
protocol = "nix"
publicKey = { type = "ed25519", key = "${keyOf(8).split(":")[1]}" }
meta = { upstream = "https://three" }
`;
  const configured = `[[upstreams]]
url = "https://two"
public-keys = ["${keyOf(3)}", "${keyOf(2)}"]
`;
  expect(await upstreams(configured + log + voter(1, "https://one") + voter(2, "https://two"))).toEqual([
    `https://two ${keyOf(3)} ${keyOf(2)}`,
    `https://one ${keyOf(1)}`,
    "https://three",
  ]);
});

test("without a configuration there are none", () => expect(upstreamsOf(undefined)).toEqual([]));
