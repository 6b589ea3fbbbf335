/** From what was heard of all caches about one path to what each claims, and why it claims nothing. */
import type { LogId } from "@trustix/protocol";
import type { CacheVoterConfig } from "./model.ts";
import type { HeardAnswer, Voice, Voices } from "./voices.ts";
import { whoClaims, type Credit, type Sighting } from "./whose-claim.ts";

export interface Judged {
  readonly voter: LogId;
  /** The first statement of its key; `undefined`: none was heard. */
  readonly claim: HeardAnswer | undefined;
  readonly counts: boolean;
  /** It counts, whatever the other caches still say. */
  readonly isSettled: boolean;
  /** For a person. Of a claim that counts: remarks, may be empty. Of one that does not: why. Without a claim: empty. */
  readonly reason: string;
}

/** In the order of the configuration. */
export function judgeVoices(voters: readonly CacheVoterConfig[], voices: Voices): Judged[] {
  const countCopies = new Set(voters.filter((voter) => voter.countCopies).map(({ id }) => id));
  const credits = new Map<string, Credit>();
  for (const [facts, sightings] of sightingsByFacts(voices)) credits.set(facts, whoClaims(sightings, countCopies));
  return voters.map(({ id }): Judged => {
    const voice = voices.of(id);
    const { claim } = voice;
    if (claim === undefined) return { voter: id, claim, counts: false, isSettled: false, reason: othersClaim(id) };
    const { all, alone } = credits.get(claim.facts)!;
    const counts = all.has(id);
    const reason = counts ? remarks(id, voice, claim) : whyCopied(id, claim);
    return { voter: id, claim, counts, isSettled: alone.has(id), reason };
  });

  function nameOf(id: LogId): string {
    return voters.find((voter) => voter.id === id)!.name;
  }

  /** Of a cache that has a file which it did not sign itself. */
  function othersClaim(id: LogId): string {
    const { own } = voices.of(id);
    if (own === undefined) return "";
    return `its narinfo is signed by ${namesOf([...own.signers.keys()])} and not by itself`;
  }

  function whyCopied(id: LogId, claim: HeardAnswer): string {
    const { own } = voices.of(id);
    const others = [...(own?.facts === claim.facts ? own : claim).signers.keys()].filter((signer) => signer !== id);
    return `${namesOf(others)} signed the same narinfo, so it may be a copy and is no second claim`;
  }

  function remarks(id: LogId, { own, changedAt }: Voice, claim: HeardAnswer): string {
    const said: string[] = [];
    if (own?.facts !== claim.facts) said.push("shown by another cache's narinfo, which its key signed");
    const same = voters.filter((other) => other.id !== id && isSameFile(voices.of(other.id).own, own));
    if (same.length > 0)
      said.push(`the very file that ${namesOf(same.map((other) => other.id))} has (URL and FileHash)`);
    if (changedAt > 0) said.push(`on ${dayOf(changedAt)} its key signed other facts for this path: the first count`);
    return said.join("; ");
  }

  function namesOf(ids: readonly LogId[]): string {
    return ids.map(nameOf).join(", ");
  }
}

/** Every narinfo that was heard, by what it states; one that two voices hold is one. */
function sightingsByFacts(voices: Voices): Map<string, Sighting[]> {
  const found = new Map<string, Sighting[]>();
  const add = (host: LogId | undefined, { facts, signers }: HeardAnswer): void => {
    const sighting = { host, signers: [...signers.keys()] };
    const others = found.get(facts);
    if (others === undefined) found.set(facts, [sighting]);
    else others.push(sighting);
  };
  const own = new Set<Uint8Array>();
  for (const [id, voice] of voices.all()) {
    if (voice.own === undefined) continue;
    add(id, voice.own);
    own.add(voice.own.narInfo);
  }
  for (const { claim } of voices.all().values())
    if (claim !== undefined && !own.has(claim.narInfo)) add(undefined, claim);
  return found;
}

function isSameFile(a: HeardAnswer | undefined, b: HeardAnswer | undefined): boolean {
  return a?.file !== undefined && a.file === b?.file;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
