/**
 * Whether a folder holds a whole LevelDB database, before the engine sees it: the engine takes a folder without `CURRENT`
 * for an empty one, makes a new database there and removes the files of the old one; and it opens a database without its
 * log as if the newest writes had never been. Nothing is changed here.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "./contract.ts";

const DATA_FILE = /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+)$/;
const LOG_FILE = /^\d+\.log$/;
/** What the engine makes first, then `CURRENT`, then a log: a folder with this alone was never written to. */
const FIRST_MANIFEST = "MANIFEST-000001";

/** `false`: there is no database in `folder`. Throws `corrupt` for a part of one, `io` for a folder that cannot be read. */
export async function holdsDatabase(folder: string): Promise<boolean> {
  try {
    let why = await whyNotWhole(folder);
    // Another process may have been replacing files while the folder was listed: only what lacks twice is missing.
    if (typeof why === "string") why = await whyNotWhole(folder);
    if (typeof why !== "string") return why === undefined;
    throw new StorageError("corrupt", `state folder ${folder}: ${why}; nothing was changed`);
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw new StorageError("io", `state folder ${folder} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** `undefined`: it is. `false`: there is none at all. */
async function whyNotWhole(folder: string): Promise<string | false | undefined> {
  const names = await namesIn(folder);
  const data = names.filter((name) => DATA_FILE.test(name));
  if (!names.includes("CURRENT")) {
    return (
      !data.every((name) => name === FIRST_MANIFEST) && "the store's other files are there, but CURRENT is missing"
    );
  }
  const current = await readFile(join(folder, "CURRENT"), "latin1");
  const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (manifest === undefined)
    return `CURRENT is damaged: ${JSON.stringify(current.slice(0, 40))} came, a MANIFEST wanted`;
  if (!data.includes(manifest)) return `${manifest}, which CURRENT names, is missing`;
  if (manifest === FIRST_MANIFEST || data.some((name) => LOG_FILE.test(name))) return undefined;
  return "the log of the newest writes (NUMBER.log) is missing";
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
