/** The programs that compress and decompress what Node itself does not. */
import { constants as mode } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Full paths; `undefined` says there is none. */
export interface Programs {
  readonly xz: string | undefined;
  readonly bzip2: string | undefined;
}

/** Those that `path`, in the form of `PATH`, has. */
export async function findPrograms(path: string): Promise<Programs> {
  const find = async (name: string): Promise<string | undefined> => {
    for (const folder of path.split(delimiter).filter((folder) => folder.startsWith("/"))) {
      const file = join(folder, name);
      const usable = await access(file, mode.X_OK).then(
        () => true,
        () => false,
      );
      if (usable) return file;
    }
    return undefined;
  };
  return { xz: await find("xz"), bzip2: await find("bzip2") };
}
