/** Which Nixes the tests drive, and where they play. Without one its tests are skipped, which CI counts as a failure. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nixPrograms } from "@trustix/testkit/nix";
import type { NixProgram } from "@trustix/testkit/nix";
import type { Voice } from "../../examples/four-planets/voice.ts";

const { programs, missing } = await nixPrograms(join(import.meta.dirname, "../../.cache"));
for (const reason of missing) process.stderr.write(`not tested with every Nix: ${reason}\n`);

/** The installed one and the newer one; `nix` is `undefined` where one cannot be had. */
export const NIXES: readonly { readonly name: string; readonly nix: NixProgram | undefined }[] = [
  { name: `Nix ${programs[0]?.version ?? "(none)"}`, nix: programs[0] },
  { name: `newer Nix ${programs[1]?.version ?? "(none)"}`, nix: programs[1] },
];

/** A short path, because sockets lie in it. */
export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "tx-"));
}

/** For acts of the story that tests play. */
export const silent: Voice = {
  title: () => undefined,
  say: () => undefined,
  row: () => undefined,
  good: () => undefined,
  bad: () => undefined,
  code: () => undefined,
};

/** The narinfo's name of a store path. */
export function hashPart(path: string): string {
  return path.slice("/nix/store/".length, "/nix/store/".length + 32);
}
