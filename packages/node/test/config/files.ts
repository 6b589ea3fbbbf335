/** Files in memory, and configurations to start from. */
import { keyPairOfSeed, formatPrivateKey, formatPublicKey } from "@trustix/protocol";
import { nodeCrypto } from "@trustix/node-crypto";
import { loadConfig, type Config, type Files, type LoadOptions } from "../../src/config/index.ts";

export const crypto = nodeCrypto();

/** Key pairs by a number, the same in every run. */
export function keyOf(n: number): { readonly privateText: string; readonly publicText: string } {
  const pair = keyPairOfSeed(crypto, new Uint8Array(32).fill(n));
  return { privateText: formatPrivateKey(pair), publicText: formatPublicKey(pair.publicKey) };
}

export interface FakeFile {
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly owner?: number;
  readonly error?: string;
}

export function filesOf(files: Readonly<Record<string, string | FakeFile>>): Files {
  const find = (path: string): FakeFile | undefined => {
    const file = files[path];
    return typeof file === "string" ? { content: file } : file;
  };
  return {
    async readFile(path, max) {
      const file = find(path);
      const code = file === undefined ? "ENOENT" : file.error;
      if (code !== undefined) throw Object.assign(new Error(`${code}: as told`), { code });
      return Buffer.from(file!.content ?? "").subarray(0, max + 1);
    },
    owner: async (path) => (find(path) === undefined ? undefined : (find(path)!.owner ?? 0)),
    mode: async (path) => (find(path) === undefined ? undefined : (find(path)!.mode ?? 0o600)),
  };
}

export const MARKERS = "/home/alice/.config/trustix/heads";

/** Loads `/etc/trustix/c.toml` with this text beside key files `k1`..`k3`. */
export function load(
  text: string | FakeFile,
  extra: Record<string, string | FakeFile> = {},
  options: Partial<LoadOptions> = {},
): Promise<Config> {
  const path = Object.keys(extra).find((name) => name.startsWith("/etc/trustix/c.")) ?? "/etc/trustix/c.toml";
  const keys = Object.fromEntries([1, 2, 3].map((n) => [`/etc/trustix/k${n}`, keyOf(n).privateText]));
  const files = filesOf({ "/etc/trustix/c.toml": text, ...keys, ...extra });
  return loadConfig(path, { crypto, files, headMarkers: MARKERS, cwd: "/run", ...options });
}

export function publisher(n: number, more = ""): string {
  return `
[[publishers]]
protocol = "nix"
signer = "s${n}"
publicKey = { type = "ed25519", key = "${keyOf(n).publicText}" }
${more}
[signers.s${n}]
type = "ed25519"
[signers.s${n}.ed25519]
private-key-path = "/etc/trustix/k${n}"
`;
}

export function subscriber(n: number, more = ""): string {
  return `
[[subscribers]]
protocol = "nix"
publicKey = { type = "ed25519", key = "${keyOf(n).publicText}" }
${more}
`;
}

/** A binary cache that votes, with keys `c-N`. */
export function cache(keys: readonly number[], more = "", url = `https://c${keys[0]}.example/`): string {
  const texts = keys.map((n) => `"c-${n}:${keyOf(n).publicText}"`);
  return `
[[voters]]
kind = "binary-cache"
url = "${url}"
public-keys = [${texts.join(", ")}]
${more}
`;
}
