/**
 * Voters that are no logs: binary caches, each known by its keys. A key has one vote, wherever it signs: no key is in two
 * entries, and none is a log's.
 */
import { equalBytes, toHex, type Crypto } from "@trustix/crypto";
import { NAME } from "@trustix/decider";
import { logIdOf, NIX, parsePublicToken } from "@trustix/protocol";
import { parseUpstream } from "./addresses.ts";
import type { CacheKey, CacheVoterConfig, LogConfig } from "./config.ts";
import type { Findings } from "./findings.ts";
import { shownValue } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";

type Entry = ConfigFile["voters"][number];
type Path = readonly PropertyKey[];

/** In file order; one that is wrong is left out. */
export function resolveVoters(
  crypto: Crypto,
  file: ConfigFile,
  logs: readonly LogConfig[],
  findings: Findings,
): CacheVoterConfig[] {
  const owners = new Map<string, string>();
  const places = new Map<string, string>();
  return file.voters.flatMap((entry, i) => {
    const path = ["voters", i];
    const keys = resolveKeys(entry, [...path, "public-keys"], findings);
    const urls = resolvePlaces(entry, path, findings);
    const isOwn = keys.map((key, k) => isOnlyHere(key, [...path, "public-keys", k], owners, logs, findings));
    const first = keys[0];
    const name = entry.name ?? (first !== undefined && NAME.test(first.name) ? first.name : undefined);
    for (const { name: key, publicKey } of keys) owners.set(toHex(publicKey), name ?? key);
    for (const url of urls) warnOfPlace(url, name ?? `voters[${i}]`, path, places, findings);
    if (first === undefined || urls.length === 0 || isOwn.includes(false)) return [];
    const { publicKey } = first;
    const id = logIdOf(crypto, { protocol: NIX, publicKey });
    return [
      {
        info: { id, protocol: NIX, publicKey, meta: {} },
        name: name ?? id.slice(0, 8),
        operator: entry.operator,
        urls,
        publicKeys: keys,
        countCopies: entry["count-copies"],
        recheckAfterMs: Math.round(entry["recheck-after"] * 1000),
        negativeMs: Math.round(entry["negative-cache"] * 1000),
      },
    ];
  });
}

/** Nix's names of keys: visible characters but for the colon. */
const KEY_NAME = /^[!-9;-~]{1,128}$/;

function resolveKeys(entry: Entry, path: Path, findings: Findings): CacheKey[] {
  const keys: CacheKey[] = [];
  for (const [k, text] of entry["public-keys"].entries()) {
    const wanted = '"name:base64" of a 32-byte public key wanted, as nix.conf has it in trusted-public-keys';
    const key = findings.attempt([...path, k], () => parsePublicToken(text), `something else came, ${wanted}`);
    if (key === undefined) continue;
    if (!KEY_NAME.test(key.name)) findings.problem([...path, k], `${shownValue(key.name)} is no name of a key`);
    else if (keys.some(({ publicKey }) => equalBytes(publicKey, key.publicKey)))
      findings.problem([...path, k], "the same key again", "a key has one name here: remove one of the two");
    else keys.push(key);
  }
  return keys;
}

function resolvePlaces(entry: Entry, path: Path, findings: Findings): string[] {
  const url = findings.attempt([...path, "url"], () => parseUpstream(entry.url));
  const mirrors = entry.mirrors.map((text, k) => {
    return findings.attempt([...path, "mirrors", k], () => parseUpstream(text));
  });
  return [...new Set([url, ...mirrors].filter((place) => place !== undefined))];
}

function isOnlyHere(
  { name, publicKey }: CacheKey,
  path: Path,
  owners: ReadonlyMap<string, string>,
  logs: readonly LogConfig[],
  findings: Findings,
): boolean {
  const log = logs.find(({ info }) => equalBytes(info.publicKey, publicKey));
  if (log !== undefined) {
    const hint = "a log's key signs its log only: it has a vote already, and signing both would convict it";
    findings.problem(path, `${shownValue(name)} is the key of log ${shownValue(log.name)}`, hint);
    return false;
  }
  const owner = owners.get(toHex(publicKey));
  if (owner === undefined) return true;
  const hint = "caches with one key are one voter: list their URLs as mirrors of one entry";
  findings.problem(path, `${shownValue(name)} is a key of voter ${shownValue(owner)} too`, hint);
  return false;
}

function warnOfPlace(url: string, name: string, path: Path, places: Map<string, string>, findings: Findings): void {
  const other = places.get(url);
  if (other !== undefined) {
    const why = "what both keys signed counts once";
    findings.warn(path, `${shownValue(name)} and ${shownValue(other)} are asked at one place: ${why}`);
  }
  places.set(url, name);
}
