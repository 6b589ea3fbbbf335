/** The real files, and names that start at a folder. */
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";

/** How small files are read: bounded. `nodeFiles` in programs. */
export interface Files {
  /** Rejects with an error that has a `code` of Node's (`ENOENT`, `EACCES`, `EISDIR`, ...). At most `max + 1` bytes. */
  readFile(path: string, max: number): Promise<Uint8Array>;
  /** Permission bits, `undefined` if there is no such file. */
  mode(path: string): Promise<number | undefined>;
}

/** Relative names start at `cwd`; messages keep them as they were given. */
export function filesIn(cwd: string, files: Files): Files {
  return {
    readFile: (path, max) => files.readFile(resolve(cwd, path), max),
    mode: (path) => files.mode(resolve(cwd, path)),
  };
}

/** The real files. */
export const nodeFiles: Files = {
  async readFile(path, max) {
    const handle = await open(path, "r");
    try {
      // Never more than asked for, whatever the file's size says: devices say 0 and never end.
      const buffer = Buffer.alloc(max + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return buffer.subarray(0, length);
    } finally {
      await handle.close();
    }
  },
  async mode(path) {
    try {
      return (await stat(path)).mode & 0o777;
    } catch {
      return undefined; // reading it says why
    }
  },
};
