/**
 * Last act: a builder that shows two nodes two histories. It is two daemons with one key, so each history is flawless by
 * itself; only who compares what was shown to others finds out. The proof is a file that convinces without our word.
 */
import { join } from "node:path";
import { toHex, utf8 } from "@trustix/crypto";
import { formatSriHash, sha256Hash } from "@trustix/nix-formats";
import { randomSeed } from "@trustix/node-crypto";
import { encodeNixValue } from "@trustix/protocol";
import type { NixValue } from "@trustix/protocol";
import { logSize } from "./act-build.ts";
import { claimOf, nameOf } from "./act-decide.ts";
import type { Network } from "./network.ts";
import { makeObserver } from "./observer.ts";
import type { Observer } from "./observer.ts";
import { makePlanet } from "./planet.ts";
import type { Planet } from "./planet.ts";
import { until } from "./program.ts";
import { trustix } from "./programs.ts";
import type { Voice } from "./voice.ts";

const LIAR = "pluto";

export async function showSplitView(network: Network, voice: Voice, path: string): Promise<void> {
  const { planets, observer: user } = network;
  voice.title(`A fifth builder, ${LIAR}, tells the user one thing and a neighbour another`);
  const honest = await claimOf(user, planets.mars, path);
  if (honest === undefined) throw new Error(`mars should claim ${path}`);
  const seed = randomSeed();
  const [toUser, toNeighbour] = await Promise.all([
    publishes(network, "pluto-one", seed, honest),
    publishes(network, "pluto-two", seed, { ...honest, narHash: formatSriHash(sha256Hash(randomSeed())) }),
  ]);
  const four = Object.values(planets);
  const neighbour = await makeObserver({
    name: "the neighbour",
    folder: join(network.folder, "neighbour"),
    planets: [...four, toNeighbour],
  });
  network.joined(neighbour);
  await Promise.all([user.reconfigure({ planets: [...four, toUser] }), neighbour.startDaemon()]);
  for (const [name, node] of [
    ["user", user],
    ["neighbour", neighbour],
  ] as const) {
    await node.follows([toUser], 1);
    voice.row(name, `${LIAR} says of ${nameOf(path)}: ${await told(node, toUser, path)}`);
  }
  voice.say(`Both logs are in order and signed by ${LIAR}'s key: alone, neither node can tell.`);

  voice.title("The user's node compares heads with the neighbour's");
  voice.say("[[peers]] in its configuration; nobody else is told what it follows");
  await neighbour.reconfigure({ peers: [{ token: user.token }] });
  await user.reconfigure({ peers: [{ socket: neighbour.socket }] });
  const [id, summary] = await until(`${LIAR} is found out`, () => proofAgainst(user));
  voice.bad(`${LIAR} is excluded: ${summary}`);
  voice.row("user", await outcome(user, toUser, path));
  voice.row("neighbour", await outcome(neighbour, toUser, path));

  voice.title("The proof convinces others");
  const file = join(network.folder, `${LIAR}.evidence.json`);
  await run(voice, user, "evidence", "export", id.slice(0, 8), file);
  const verdict = await run(voice, neighbour, "evidence", "verify", file, "--public-key", toUser.publicKey);
  voice.good(verdict);
  await run(voice, neighbour, "evidence", "import", file);
  const after = await outcome(neighbour, toUser, path);
  if (!after.startsWith("excluded")) throw new Error(`${LIAR} still counts at the neighbour: ${after}`);
  voice.row("neighbour", after);
  const { decided } = await neighbour.calls.decide(path);
  if (decided === undefined) throw new Error(`${path} should have been decided at the neighbour's`);
  voice.good(`${nameOf(path)} is decided there by the three who are left, confidence ${decided.confidence}`);
}

/** A daemon of the liar's with one claim. It has built nothing. */
async function publishes(network: Network, folder: string, seed: Uint8Array, claim: NixValue): Promise<Planet> {
  const planet = await makePlanet({ name: LIAR, folder: join(network.folder, folder), nix: undefined, seed });
  network.joined(planet);
  await planet.start();
  const [key, bytes] = [toHex(utf8(claim.path)), toHex(encodeNixValue(claim))];
  await trustix(planet, "submit", "--key", key, "--value", bytes);
  await logSize(planet, 1);
  return planet;
}

/** What the liar says to a node. */
async function told(node: Observer, liar: Planet, path: string): Promise<string> {
  const value = await until("its claim is copied", () => claimOf(node, liar, path));
  return value.narHash;
}

async function outcome(node: Observer, liar: Planet, path: string): Promise<string> {
  const { votes } = await node.calls.decide(path);
  const vote = votes.find(({ logId }) => logId === liar.logId);
  return vote?.outcome === "claims" ? `${LIAR} still counts` : `${vote?.outcome}: ${vote?.reason}`;
}

async function proofAgainst(node: Observer): Promise<[id: string, summary: string] | undefined> {
  const found = JSON.parse(await trustix(node, "evidence", "list", "--json")) as { id: string; summary: string }[];
  return found[0] && [found[0].id, found[0].summary];
}

/** As it would be typed. */
async function run(voice: Voice, node: Observer, ...args: string[]): Promise<string> {
  voice.code(`trustix ${args.join(" ")}`);
  return trustix(node, ...args);
}
