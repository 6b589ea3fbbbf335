/** `--caches nixos,tuna,nix-community`: names to voters. A name of a mirror adds a place to its cache, never a voter. */
import { usageError } from "./cli-error.ts";
import { KNOWN_CACHES, type KnownCache } from "./known-caches.ts";

export interface ChosenCaches {
  readonly voters: readonly ChosenCache[];
  /** How many of them must agree. */
  readonly threshold: number;
}

export interface ChosenCache {
  readonly name: string;
  /** At least one, in the order in which they were named. */
  readonly urls: readonly string[];
  readonly publicKey: string;
  /** Pages that say so, and when they were looked at. */
  readonly sources: readonly string[];
}

/** More than half, unless a threshold is given. Throws `CliError` (exit 2). */
export function chooseCaches(text: string, threshold: number | undefined): ChosenCaches {
  const names = [...new Set(text.split(",").map((name) => name.trim()))].filter((name) => name !== "");
  if (names.length === 0) throw usageError(`--caches: ${JSON.stringify(text)} came, names wanted: ${allNames()}`);
  for (const name of names) if (cacheOf(name) === undefined) throw unknown(name);
  const voters = KNOWN_CACHES.filter((cache) => names.some((name) => cacheOf(name) === cache)).map((cache) =>
    chosen(cache, names),
  );
  return { voters, threshold: checked(threshold, voters, names) };
}

function cacheOf(name: string): KnownCache | undefined {
  return KNOWN_CACHES.find((cache) => cache.name === name || cache.mirrors.some((mirror) => mirror.name === name));
}

/** Of a cache and its mirrors: those that were named. */
function chosen({ name, url, publicKey, source, mirrors }: KnownCache, names: readonly string[]): ChosenCache {
  const places = [{ name, url, source }, ...mirrors].filter((place) => names.includes(place.name));
  places.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  // The key is the cache's own word, also where only a mirror is asked.
  const pages = [source, ...places.map((place) => place.source)].map(({ page, on }) => `${page} (${on})`);
  return { name, urls: places.map((place) => place.url), publicKey, sources: [...new Set(pages)] };
}

function checked(threshold: number | undefined, voters: readonly ChosenCache[], names: readonly string[]): number {
  if (threshold === undefined) return Math.floor(voters.length / 2) + 1;
  if (!Number.isInteger(threshold)) throw usageError(`--threshold: ${threshold} came, a whole number wanted`);
  if (threshold <= voters.length) return threshold;
  const mirrors = names.filter((name) => voters.every((voter) => voter.name !== name));
  const why = mirrors.length === 0 ? "" : `: a mirror (${mirrors.join(", ")}) has its cache's key and adds no vote`;
  throw usageError(
    `--threshold: ${threshold} came, but ${names.join(", ")} make ${voters.length} voter${voters.length === 1 ? "" : "s"}${why}`,
    "name more caches, or lower the threshold",
  );
}

function unknown(name: string): Error {
  return usageError(
    `--caches: ${JSON.stringify(name)} is no cache that is known here; known are ${allNames()}`,
    "others go into the configuration as [[voters]]",
  );
}

/** `nixos (mirrors: tuna, ustc), nix-community`. */
export function allNames(): string {
  return KNOWN_CACHES.map(({ name, mirrors }) => {
    return mirrors.length === 0 ? name : `${name} (mirrors: ${mirrors.map((mirror) => mirror.name).join(", ")})`;
  }).join(", ");
}
