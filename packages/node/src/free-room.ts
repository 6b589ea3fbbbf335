/** How much others may write here: copies of logs grow as their builders like, and end before the disk does. */
import { statfs } from "node:fs/promises";

/** Why nothing more may be copied into a folder, or `undefined`. Never rejects: a disk that cannot say is not the copy's business. */
export type Room = () => Promise<string | undefined>;

/** `freeBytes` are to stay free on the folder's disk. */
export function roomOnDisk(folder: string, freeBytes: number): Room {
  return async () => {
    const disk = await statfs(folder).catch(() => undefined);
    if (disk === undefined) return undefined;
    const free = disk.bavail * disk.bsize;
    if (free >= freeBytes) return undefined;
    return `${mebibytes(free)} are free on the disk of ${folder}, and ${mebibytes(freeBytes)} are to stay free (limits.free-bytes)`;
  };
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
