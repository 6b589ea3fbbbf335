/** The files of a receipt folder: private, written aside and renamed, never through a link. */
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

export interface ReceiptFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

const NAME = /^[0-9a-z]{32}-[0-9A-Za-z+\-._?=]+\.receipt$/;
/** What is not yet renamed; left over by a process that ended in between. */
const ASIDE = ".aside-";
const AT_ONCE = 64;

/** Throws for what is no folder of this user's own; takes rights of others away from one that is. */
export async function makeOwnFolder(folder: string, uid: number | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error(`${folder} is no folder`);
  if (uid !== undefined && found.uid !== uid) throw new Error(`${folder} belongs to user ${found.uid}, not to ${uid}`);
  if ((found.mode & 0o077) !== 0) await chmod(folder, 0o700);
}

/** The one written longest ago first. */
export async function receiptFiles(folder: string): Promise<ReceiptFile[]> {
  const names = await readdir(folder);
  for (const name of names) if (name.startsWith(ASIDE)) await removeFile(folder, name);
  const wanted = names.filter((name) => NAME.test(name));
  const files: ReceiptFile[] = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const found = wanted.slice(at, at + AT_ONCE).map(async (name) => ({ name, stat: await lstat(join(folder, name)) }));
    for (const { name, stat } of await Promise.all(found)) {
      if (stat.isFile()) files.push({ name, bytes: stat.size, writtenAt: stat.mtimeMs });
    }
  }
  return files.sort((a, b) => a.writtenAt - b.writtenAt);
}

/** Whole or not at all. */
export async function writeAside(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const aside = join(folder, `${ASIDE}${process.pid}`);
  try {
    const file = await open(aside, "w", 0o600);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(aside, join(folder, name));
  } catch (error) {
    await removeFile(folder, `${ASIDE}${process.pid}`);
    throw error;
  }
}

/** `undefined` for one that is not there, is no file or is larger. */
export async function readSmallFile(
  folder: string,
  name: string,
  maxBytes: number,
): Promise<{ bytes: Uint8Array; writtenAt: number } | undefined> {
  try {
    const file = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile() || stat.size > maxBytes) return undefined;
      return { bytes: new Uint8Array(await file.readFile()), writtenAt: stat.mtimeMs };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** One that is gone already is as good. */
export async function removeFile(folder: string, name: string): Promise<void> {
  await unlink(join(folder, name)).catch(() => undefined);
}
