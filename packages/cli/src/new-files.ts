/** Files that must not exist yet: nothing is overwritten, and private ones are never readable by others. */
import { lstat, mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CliError } from "./cli-error.ts";

export interface NewFile {
  readonly path: string;
  readonly content: string;
  /** 0o600 for secrets. */
  readonly mode: number;
  /** Half of a log's key, of which a lost one cannot be made anew. */
  readonly isKey?: boolean;
}

/** Writes all of them, below `cwd`, or, if one is there already, none. Content is on disk when it resolves. */
export async function writeNewFiles(cwd: string, files: readonly NewFile[]): Promise<void> {
  for (const file of files) {
    if ((await lstat(resolve(cwd, file.path)).catch(() => undefined)) !== undefined) throw exists(file);
  }
  for (const one of files) {
    const { path, content, mode } = one;
    const at = resolve(cwd, path);
    await mkdir(dirname(at), { recursive: true, mode: 0o700 });
    const file = await open(at, "wx", mode).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EEXIST"
        ? exists(one)
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

function exists({ path, isKey }: NewFile): CliError {
  const hint = "move it away or choose another name";
  return new CliError(`${path} is there already and is not overwritten`, {
    hint: isKey === true ? `${hint}: a lost key is a lost log` : hint,
  });
}
