/** The files that real Nix wrote, by version of Nix (`fixtures/make.sh` makes them). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "fixtures");

export const VERSIONS: readonly string[] = readdirSync(FOLDER).filter((name) => /^[0-9.]+$/.test(name));

export interface Fixture {
  /** `<version>/<folder>/<file>`: the test's name. */
  readonly name: string;
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** All files below `<version>/<folder>` of every version. */
export function fixturesIn(folder: string): Fixture[] {
  return VERSIONS.flatMap((version) =>
    readdirSync(join(FOLDER, version, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return { name: path.slice(FOLDER.length + 1), file: entry.name, bytes: new Uint8Array(readFileSync(path)) };
      }),
  );
}

export function fixture(version: string, path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, version, path)));
}

export function fixtureText(version: string, path: string): string {
  return readFileSync(join(FOLDER, version, path), "utf8");
}

/** How often a property is tried; `SLOW=1` multiplies. */
export function runs(count: number): { numRuns: number } {
  return { numRuns: process.env["SLOW"] === "1" ? count * 20 : count };
}
