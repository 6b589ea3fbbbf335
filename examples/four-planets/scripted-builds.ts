/**
 * Builds for a machine without Nix: a script makes the outputs, the spool item that the hook would have written, and the
 * cache's files. From the spool on everything is real. Store paths have the form of Nix's, and name nothing that exists.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { concatBytes, toHex, utf8 } from "@trustix/crypto";
import {
  formatNix32Hash,
  hashPartOf,
  makeStorePath,
  printDerivation,
  printNarInfo,
  sha256Hash,
  writeNar,
  eventsOf,
} from "@trustix/nix-formats";
import type { NarTree, StorePath } from "@trustix/nix-formats";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import type { Planet } from "./planet.ts";

export interface ScriptedBuild {
  readonly name: string;
  readonly path: StorePath;
  /** `sha256:<nix32>`. */
  readonly narHash: string;
}

const crypto = nodeCrypto();
const pathOf = (name: string, suffix = ""): StorePath =>
  makeStorePath(crypto, "output:out", crypto.sha256(utf8(`four planets ${name}`)), `${name}${suffix}`);

/** "Builds" the packages on a planet, notes them in its spool and puts them into its cache. */
export async function buildByScript(planet: Planet): Promise<ScriptedBuild[]> {
  const engine = pathOf("engine-2.1");
  const rocket = pathOf("rocket-1.0");
  const telemetry = pathOf("telemetry-0.3");
  await mkdir(join(planet.cacheFolder, "nar"), { recursive: true });
  await writeFile(join(planet.cacheFolder, "nix-cache-info"), "StoreDir: /nix/store\n");
  return [
    await build(planet, "engine-2.1", engine, [["plan", "one engine, pointing down\n"]], []),
    await build(planet, "rocket-1.0", rocket, [["rocket", `lift-off with ${engine}\n`]], [engine]),
    await build(planet, "telemetry-0.3", telemetry, [["seed", toHex(randomSeed())]], []),
  ];
}

/** The same for packages of one file each. */
export async function buildPartsByScript(planet: Planet, parts: readonly string[]): Promise<ScriptedBuild[]> {
  const builds: ScriptedBuild[] = [];
  for (const part of parts) {
    const name = `${part}-1.0`;
    builds.push(await build(planet, name, pathOf(name), [["part", `${part}\n`]], []));
  }
  return builds;
}

type Files = readonly (readonly [name: string, text: string])[];

async function build(
  planet: Planet,
  name: string,
  path: StorePath,
  files: Files,
  references: readonly StorePath[],
): Promise<ScriptedBuild> {
  const implant: Files = planet.compromised ? [["implant", "send everything to saturn\n"]] : [];
  const entries = [...files, ...implant].map(([file, text]): [string, NarTree] => [
    file,
    { type: "regular", contents: utf8(text) },
  ]);
  const nar = concatBytes(...writeNar(eventsOf({ type: "directory", entries })));
  const narHash = crypto.sha256(nar);
  await offer(planet, path, nar, references);
  await note(planet, name, path, nar.length, toHex(narHash), references);
  return { name, path, narHash: formatNix32Hash(sha256Hash(narHash)) };
}

async function offer(
  planet: Planet,
  path: StorePath,
  nar: Uint8Array,
  references: readonly StorePath[],
): Promise<void> {
  const narHash = crypto.sha256(nar);
  const hash = sha256Hash(narHash);
  const url = `nar/${formatNix32Hash(hash).slice("sha256:".length)}.nar`;
  await writeFile(join(planet.cacheFolder, url), nar);
  const info = printNarInfo({
    storePath: path,
    url,
    compression: "none",
    fileHash: hash,
    fileSize: nar.length,
    narHash,
    narSize: nar.length,
    references,
    deriver: undefined,
    signatures: [],
    ca: undefined,
  });
  await writeFile(join(planet.cacheFolder, `${hashPartOf(path)}.narinfo`), info);
}

/** What the hook would have written, into place by a rename as the hook does. */
async function note(
  planet: Planet,
  name: string,
  path: StorePath,
  narSize: number,
  narHashHex: string,
  references: readonly StorePath[],
): Promise<void> {
  const drvPath = pathOf(name, ".drv");
  const derivation = printDerivation({
    version: undefined,
    outputs: [{ name: "out", path, hashAlgorithm: "", hash: "" }],
    inputDrvs: [],
    inputSrcs: [],
    system: "script",
    builder: utf8("/bin/sh"),
    args: [],
    env: [[utf8("name"), utf8(name)]],
  });
  const facts = [path, narHashHex, narSize, drvPath, references.length, ...references].join("\n");
  const head = `trustix-spool 1\ndrv ${drvPath}\nout ${path}\nfacts\n${facts}\nderivation\n`;
  const draft = join(planet.spool, `.tmp-${name}`);
  await writeFile(draft, concatBytes(utf8(head), derivation, utf8("\nend\n")), { mode: 0o600 });
  await rename(draft, join(planet.spool, `${hashPartOf(drvPath)}-0-0.item`));
}
