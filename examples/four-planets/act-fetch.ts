/** Asking the proxy by hand: what a Nix client would do, as far as it goes without Nix. */
import { createHash } from "node:crypto";
import {
  formatNix32Hash,
  parseNarInfo,
  parsePublicCacheKey,
  sha256Hash,
  verifiedSignatures,
} from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import type { Built } from "./act-build.ts";
import { claimsOf, nameOf } from "./act-decide.ts";
import type { Network } from "./network.ts";
import type { Voice } from "./voice.ts";

/** Says what the proxy answers for a path: status, and the header that gives the reason. */
export async function askProxy(network: Network, voice: Voice, path: string): Promise<Response> {
  const response = await fetch(narinfoUrl(network, path));
  const reasons = [...response.headers]
    .filter(([name]) => name.includes("trustix"))
    .map(([name, text]) => `${name}: ${text}`);
  voice.say(`the proxy answers ${response.status}${reasons.length === 0 ? "" : `, ${reasons.join(", ")}`}`);
  return response;
}

export async function fetchThroughProxy(network: Network, voice: Voice, built: Built): Promise<void> {
  voice.title("The proxy serves what three agree on, signed with the user's key");
  const response = await askProxy(network, voice, built.rocket);
  const info = parseNarInfo(new Uint8Array(await response.arrayBuffer()));
  const key = parsePublicCacheKey(network.observer.proxyKey);
  if (verifiedSignatures(nodeCrypto(), [key], info, info.signatures).length === 0)
    throw new Error("the proxy's narinfo is not signed by it");
  const nar = await fetch(new URL(info.url, `${network.observer.proxyUrl}/`));
  const digest = createHash("sha256")
    .update(Buffer.from(await nar.arrayBuffer()))
    .digest();
  if (!digest.equals(info.narHash)) throw new Error("the proxy's NAR does not have the hash it signed");
  voice.good(`${nameOf(built.rocket)}: signature and NAR hash checked, ${formatNix32Hash(sha256Hash(digest))}`);

  voice.title(`What three do not agree on is refused: ${nameOf(built.telemetry)}`);
  const verdict = await network.observer.calls.decide(built.telemetry);
  for (const [name, claim] of await claimsOf(network, verdict)) voice.row(name, claim);
  voice.bad(`undecided: ${verdict.reason}`);
  const refused = await askProxy(network, voice, built.telemetry);
  if (refused.status !== 404) throw new Error(`the proxy should have answered 404, not ${refused.status}`);
}

function narinfoUrl(network: Network, path: string): string {
  return `${network.observer.proxyUrl}/${path.slice("/nix/store/".length, "/nix/store/".length + 32)}.narinfo`;
}
