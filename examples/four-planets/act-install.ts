/** Third act, with a real Nix: what three agree on is installed, the rest is refused. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { claimsOf, nameOf } from "./act-decide.ts";
import { askProxy } from "./act-fetch.ts";
import { COMPROMISED } from "./network.ts";
import type { Network } from "./network.ts";
import type { Voice } from "./voice.ts";

export async function installForReal(network: Network, voice: Voice, path: string): Promise<void> {
  voice.title("A real Nix client installs it through the proxy");
  const client = await network.client("client");
  voice.code(`require-sigs = true`);
  voice.code(`trusted-public-keys = ${network.observer.proxyKey}`);
  const { code, stderr } = await client.realise(path);
  if (code !== 0) throw new Error(`Nix should have installed ${path}: ${stderr}`);
  const closure = (await client.ok("nix-store", ["--query", "--requisites", path])).split("\n");
  await client.ok("nix-store", ["--verify", "--check-contents"]);
  await client.ok("nix", ["store", "verify", "--recursive", "--sigs-needed", "1", path]);
  const hash = await client.hashOf(path);
  const honest = await network.planets.mars.party!.hashOf(path);
  if (hash !== honest) throw new Error(`${path} came with ${hash}, three planets built ${honest}`);
  voice.good(
    `installed ${nameOf(path)} and ${closure.length - 1} paths it refers to; contents and signatures verified`,
  );
  voice.good(`NAR hash in the client's store: ${hash}`);
}

/** The same client, had it trusted the compromised builder's cache and key as people do today. */
export async function showNaiveInstall(network: Network, voice: Voice, path: string): Promise<void> {
  const saturn = network.planets[COMPROMISED];
  const naive = await network.client("naive-client", {
    substituters: saturn.cache.url,
    "trusted-public-keys": saturn.cacheKey!,
  });
  const { code, stderr } = await naive.realise(path);
  if (code !== 0) throw new Error(`the naive client should have installed ${path}: ${stderr}`);
  const implanted = existsSync(join(naive.onDisk(path), "implant"));
  if (!implanted) throw new Error(`${saturn.name}'s version of ${path} has no implant`);
  voice.bad(`a client that trusts ${saturn.name}'s cache and key got ${saturn.name}'s implant, validly signed`);
}

export async function tryToInstall(network: Network, voice: Voice, path: string): Promise<void> {
  voice.title(`What three do not agree on is refused: ${nameOf(path)}`);
  const verdict = await network.observer.calls.decide(path);
  if (verdict.decided !== undefined) throw new Error(`${path} should not have been decided`);
  for (const [name, claim] of await claimsOf(network, verdict)) voice.row(name, claim);
  voice.bad(`undecided: ${verdict.reason}`);
  await askProxy(network, voice, path);
  const client = await network.client("client");
  const { code, stderr } = await client.realise(path);
  if (code === 0) throw new Error(`Nix should not have installed ${path}`);
  const lines = stderr.split("\n").map((line) => line.trim());
  const refusal = lines.findIndex((line) => line.includes("don't know how to build"));
  // The path stands on the next line.
  const words = refusal >= 0 ? lines.slice(refusal, refusal + 2).join(" ") : lines.findLast((line) => line !== "");
  voice.bad(`Nix: ${words}`);
}

/** Derivations made for one machine were built like the others, and no log speaks of them. */
export async function showPrivacy(network: Network, voice: Voice, paths: readonly string[]): Promise<void> {
  voice.title("What was made for one machine stays private");
  for (const path of paths) {
    const { votes } = await network.observer.calls.decide(path);
    const absent = votes.filter(({ outcome }) => outcome === "absent").length;
    if (absent !== votes.length) throw new Error(`${path} should be in no log`);
    voice.good(`${nameOf(path)}: all ${absent} logs prove that they do not have it`);
  }
}
