/**
 * The spool folder: where it is, who may use it, what lies in it. It belongs to whoever runs the hook (root under the
 * Nix daemon), only the owner may write to it, and only the owner drains it: whoever could put a file there could make
 * this machine sign claims.
 *
 *     <hash part>-<pid>-<n>.item    one build (spool-item.ts)
 *     .tmp-*                        a hook at work, or one that was killed
 *     .worker-<n>                   who drains it (worker-lock.ts)
 *     bad/                          items that cannot be used, each with a `.reason` beside it
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SpoolError } from "./spool-error.ts";
import { MAX_ITEM_BYTES } from "./spool-item.ts";

/** The folder that the hook uses too: `$TRUSTIX_SPOOL`, `/var/spool/trustix` for root, else below `$XDG_STATE_HOME`. */
export function defaultSpoolFolder(env: NodeJS.ProcessEnv, uid: number): string {
  if (env["TRUSTIX_SPOOL"]) return env["TRUSTIX_SPOOL"];
  if (uid === 0) return "/var/spool/trustix";
  return join(env["XDG_STATE_HOME"] || join(env["HOME"] ?? "", ".local", "state"), "trustix", "spool");
}

/** Makes the folder if there is none. Throws `unsafe` unless it is ours and only we may write to it. */
export async function checkSpoolFolder(folder: string, uid: number): Promise<void> {
  const stat = await mkdir(folder, { recursive: true, mode: 0o700 })
    .then(() => lstat(folder))
    .catch((cause: unknown) => {
      throw new SpoolError("unusable", `cannot use the spool ${folder}: ${messageOf(cause)}`, { cause });
    });
  if (!stat.isDirectory())
    throw new SpoolError("unsafe", `the spool ${folder} is not a folder, or a symbolic link to one`);
  if (stat.uid !== uid) {
    throw new SpoolError("unsafe", `the spool ${folder} belongs to user ${stat.uid}, this worker runs as user ${uid}`, {
      hint: `run the worker as user ${stat.uid}`,
    });
  }
  if ((stat.mode & 0o022) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8);
    throw new SpoolError("unsafe", `others may write to the spool ${folder} (mode ${mode})`, {
      hint: `chmod 0700 ${folder}`,
    });
  }
}

/** How many items wait. */
export async function countItems(folder: string): Promise<number> {
  return (await readdir(folder)).filter(isItem).length;
}

/** Names of waiting items, the oldest first. Names in `except` are left out. */
export async function listItems(folder: string, except: ReadonlySet<string>): Promise<string[]> {
  const aged: { name: string; time: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!isItem(name) || except.has(name)) continue;
    // The first claim for a path stands, so their order counts. An item that is gone meanwhile is no loss.
    const stat = await lstat(join(folder, name)).catch(() => undefined);
    if (stat !== undefined) aged.push({ name, time: stat.mtimeMs });
  }
  aged.sort((a, b) => a.time - b.time || (a.name < b.name ? -1 : 1));
  return aged.map(({ name }) => name);
}

export function isItem(name: string): boolean {
  return name.endsWith(".item") && !name.startsWith(".");
}

/** The bytes of an item. Throws `SyntaxError` for what is no regular file or too large; reads nothing of it then. */
export async function readItem(folder: string, name: string): Promise<Uint8Array> {
  // Not blocking: a pipe of that name would hold us for ever otherwise.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(folder, name), flags).catch((error: unknown) => {
    if (codeOf(error) === "ELOOP") throw new SyntaxError("item: a symbolic link");
    throw error;
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new SyntaxError("item: not a regular file");
    if (stat.size > MAX_ITEM_BYTES) {
      throw new SyntaxError(`item: ${stat.size} bytes, at most ${MAX_ITEM_BYTES} wanted`);
    }
    const bytes = new Uint8Array(stat.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Gone for good; that it is gone already is fine. */
export async function removeItem(folder: string, name: string): Promise<void> {
  await unlink(join(folder, name)).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}

/** Out of the way, with the reason beside it. */
export async function setAside(folder: string, name: string, reason: string): Promise<void> {
  const bad = join(folder, "bad");
  await mkdir(bad, { recursive: true, mode: 0o700 });
  await writeFile(join(bad, `${name}.reason`), `${reason}\n`, { mode: 0o600 });
  await rename(join(folder, name), join(bad, name));
}

/** Removes what killed hooks left more than an hour before `now`; how many. */
export async function removeLeftovers(folder: string, now: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(".tmp-")) continue;
    const stat = await lstat(join(folder, name)).catch(() => undefined);
    if (stat === undefined || now - stat.mtimeMs < 3_600_000) continue;
    await rm(join(folder, name), { force: true });
    removed++;
  }
  return removed;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
