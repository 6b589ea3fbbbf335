/** Second act: one store path, four claims, one decision. */
import { formatNix32Hash, parseHash } from "@trustix/nix-formats";
import type { NixValue } from "@trustix/protocol";
import { PLANETS } from "./network.ts";
import type { Network } from "./network.ts";
import type { Verdict } from "./node-calls.ts";
import { QUORUM } from "./observer.ts";
import type { Observer } from "./observer.ts";
import type { Planet } from "./planet.ts";
import type { Voice } from "./voice.ts";

export async function showDecision(network: Network, voice: Voice, path: string): Promise<void> {
  voice.title(`One store path, four claims: ${nameOf(path)}`);
  voice.say(path);
  const verdict = await network.observer.calls.decide(path);
  const decided = verdict.decided;
  if (decided === undefined) throw new Error(`${path} should have been decided: ${verdict.reason}`);
  const agreed = nix32(decided.value.narHash);
  const claims = await claimsOf(network, verdict);
  for (const [name, claim] of claims) {
    voice.row(name, claim, claim === agreed ? undefined : "the same path, other bytes");
  }
  const agreeing = claims.filter(([, claim]) => claim === agreed).length;
  voice.good(
    `${agreeing} of ${claims.length} agree and ${QUORUM} are wanted: decided, confidence ${decided.confidence}`,
  );
}

/** What each planet's log says of a path, as `sha256:<nix32>`, or why it says nothing. */
export async function claimsOf(network: Network, verdict: Verdict): Promise<[name: string, claim: string][]> {
  return Promise.all(
    PLANETS.map(async (name): Promise<[string, string]> => {
      const planet = network.planets[name];
      const vote = verdict.votes.find(({ logId }) => logId === planet.logId);
      if (vote?.digest === undefined) return [name, `${vote?.outcome ?? "no vote"}: ${vote?.reason ?? ""}`];
      const value = await planet.calls.value(vote.digest);
      return [name, value === undefined ? "value not found" : nix32(value.narHash)];
    }),
  );
}

/** What a planet's log says of a path, as a node knows it; `undefined`: nothing that counts. */
export async function claimOf(node: Observer, planet: Planet, path: string): Promise<NixValue | undefined> {
  const { votes } = await node.calls.decide(path);
  const digest = votes.find(({ logId }) => logId === planet.logId)?.digest;
  return digest === undefined ? undefined : node.calls.value(digest);
}

export function nameOf(path: string): string {
  return path.slice("/nix/store/".length + 33);
}

function nix32(sri: string): string {
  return formatNix32Hash(parseHash(sri));
}
