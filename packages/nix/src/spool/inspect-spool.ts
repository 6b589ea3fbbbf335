/** A spool as it lies there: looked at from outside, without taking it, making it or changing anything in it. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { listItems, messageOf } from "./spool-folder.ts";
import { workerOf } from "./worker-lock.ts";

export type SpoolState =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly why: string }
  | {
      readonly kind: "folder";
      readonly owner: number;
      /** Permission bits. */
      readonly mode: number;
      readonly waiting: number;
      /** Milliseconds since 1970 of the item that waits longest. */
      readonly oldest: number | undefined;
      /** Items that could not be used. */
      readonly bad: number;
      readonly worker: { readonly pid: number; readonly since: string } | undefined;
    };

export async function inspectSpool(folder: string): Promise<SpoolState> {
  try {
    const stat = await lstat(folder);
    if (!stat.isDirectory()) return { kind: "unreadable", why: "it is no folder, or a symbolic link to one" };
    const items = await listItems(folder, new Set());
    const first = items[0] === undefined ? undefined : await lstat(join(folder, items[0])).catch(() => undefined);
    const bad = await readdir(join(folder, "bad")).catch((): string[] => []);
    return {
      kind: "folder",
      owner: stat.uid,
      mode: stat.mode & 0o777,
      waiting: items.length,
      oldest: first?.mtimeMs,
      bad: bad.filter((name) => name.endsWith(".item")).length,
      worker: await workerOf(folder),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { kind: "absent" };
    return { kind: "unreadable", why: messageOf(error) };
  }
}
