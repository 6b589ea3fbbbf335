/** What this user's Nix is told, and the proxies of ours that it may be told to ask. */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { readNixSettings } from "@trustix/nix";
import type { Io } from "../command.ts";
import { KNOWN_CACHES } from "../known-caches.ts";
import { getJson, isHere } from "./ask-places.ts";
import type { AskedFacts, ConfigurationFacts, NixFacts, ProxyFacts } from "./facts.ts";
import { samePlace, shownUrl } from "./nix-view.ts";

const MAX_FILE = 1 << 20;
const DAEMON_SOCKET = "/nix/var/nix/daemon-socket/socket";

/** All but the proxies, which are found among the substituters. */
export async function gatherNix(
  io: Io,
  proxyAddress: string,
  configuration: ConfigurationFacts,
): Promise<Omit<NixFacts, "proxies">> {
  const read = await readNixSettings({ env: io.env, signal: io.signal });
  return {
    ...read,
    proxyAddress,
    foreignKeys: [
      ...KNOWN_CACHES.map(({ publicKey }) => publicKey),
      ...(configuration.kind === "read" ? configuration.upstreamKeys.map(({ key }) => key) : []),
    ],
    throughDaemon: io.uid !== 0 && existsSync(DAEMON_SOCKET),
    acceptedFromFlakes: await acceptedFromFlakes(io),
    machines: await machinesOf(read.settings.builders.words.join(" "), 0),
  };
}

/** Of ours is what answers `/healthz` as our proxy does: asked of the usual address and of substituters on this machine. */
export async function findProxies(
  { settings, proxyAddress }: Omit<NixFacts, "proxies">,
  asked: readonly AskedFacts[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProxyFacts[]> {
  const here = settings.substituters.words.filter((url) => isHere(url) && /^https?:/.test(url));
  const urls = [...here, ...(here.some((url) => samePlace(url, proxyAddress)) ? [] : [proxyAddress])];
  const found = await Promise.all(
    urls.map(async (url): Promise<ProxyFacts[]> => {
      const [place = ""] = url.split("?", 1);
      const health = readHealth(await getJson(`${place.replace(/\/+$/, "")}/healthz`, options));
      if (health === undefined) return [];
      const outcome = asked.find((one) => samePlace(one.url, shownUrl(url)))?.outcome;
      return [{ url, ...health, priority: outcome?.kind === "answered" ? outcome.priority : undefined }];
    }),
  );
  return found.flat();
}

/** `{"status":"ok","key":"name:base64","upstreams":[...]}`; `undefined` for anything else. */
function readHealth(json: unknown): { status: string; key: string | undefined } | undefined {
  if (typeof json !== "object" || json === null || !("upstreams" in json) || !("status" in json)) return undefined;
  const { status } = json;
  if (status !== "ok" && status !== "degraded") return undefined;
  const key = "key" in json && typeof json.key === "string" ? json.key : undefined;
  return { status, key };
}

/** Nix keeps there what somebody answered "yes, for good" to: settings by name, each with the words it stands for. */
async function acceptedFromFlakes({ env }: Io): Promise<NixFacts["acceptedFromFlakes"]> {
  const data = env["XDG_DATA_HOME"] || join(env["HOME"] || "/", ".local", "share");
  const file = join(data, "nix", "trusted-settings.json");
  const settings: (readonly [string, string])[] = [];
  try {
    const json = JSON.parse(await readText(file)) as Record<string, Record<string, unknown>>;
    for (const [name, words] of Object.entries(json)) {
      if (!/substituters|public-keys|require-sigs|trusted-users/.test(name)) continue;
      for (const [word, accepted] of Object.entries(words)) if (accepted === true) settings.push([name, word]);
    }
  } catch {
    // Not there, or nothing that Nix could use either.
  }
  return { file, settings };
}

/** The host part of each line; `@file` stands for a file's lines. */
async function machinesOf(builders: string, depth: number): Promise<string[]> {
  const machines: string[] = [];
  for (const part of builders.split(/[;\n]/)) {
    const words = part.replace(/#.*$/, "").trim().split(/\s+/);
    const [first = ""] = words;
    if (!first.startsWith("@")) machines.push(...(first === "" ? [] : [first]));
    else if (depth < 3) machines.push(...(await machinesOf(await readText(first.slice(1)).catch(() => ""), depth + 1)));
  }
  return machines;
}

async function readText(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE) throw new Error(`${size} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
