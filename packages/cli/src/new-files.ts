/** Files that must not exist yet: keys and tokens are never overwritten, and private ones are never readable by others. */
import { lstat, mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CliError } from "./cli-error.ts";

export interface NewFile {
  readonly path: string;
  readonly content: string;
  /** 0o600 for secrets. */
  readonly mode: number;
}

/** Writes all of them, below `cwd`, or, if one is there already, none. Content is on disk when it resolves. */
export async function writeNewFiles(cwd: string, files: readonly NewFile[]): Promise<void> {
  for (const { path } of files) {
    if ((await lstat(resolve(cwd, path)).catch(() => undefined)) !== undefined) throw exists(path);
  }
  for (const { path, content, mode } of files) {
    const at = resolve(cwd, path);
    await mkdir(dirname(at), { recursive: true, mode: 0o700 });
    const file = await open(at, "wx", mode).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EEXIST"
        ? exists(path)
        : new CliError(`${path} cannot be written: ${error.message}`, { cause: error });
    });
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function exists(path: string): CliError {
  return new CliError(`${path} is there already and is not overwritten`, {
    hint: "move it away or choose another name: a lost key is a lost log",
  });
}
