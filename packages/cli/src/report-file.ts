/**
 * A report as a file, in the place of an older one or of none: whoever looks at it sees the one before or the new one, and
 * no part of either. Where it will lie is looked at before the work for it begins.
 */
import { constants } from "node:fs";
import { access, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CliError, usageError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";

export interface ReportFile {
  /** Throws `CliError`; then the report before is still there. */
  write(text: string): Promise<void>;
}

/** The file that `flag` names; `undefined` if it names none. Throws `CliError` where no file can be put. */
export async function reportFile({ io, text }: CommandInput, flag: string): Promise<ReportFile | undefined> {
  const named = text(flag);
  if (named === undefined) return undefined;
  const given = resolve(io.cwd, named);
  // Through a link, so that what is replaced is the file and not the link.
  const path = await realpath(given).catch(() => given);
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined && !there.isFile()) throw usageError(`--${flag}: ${named} is there and is no file`);
  await access(dirname(path), constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    throw usageError(`--${flag}: nothing can be written to ${dirname(path)} (${cause.code})`);
  });
  return {
    write: (content) =>
      replace(path, content).catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new CliError(`${named} is not written: ${why}`, { cause });
      }),
  };
}

async function replace(path: string, content: string): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  // Never through a link that somebody has put there.
  const file = await open(aside, "wx");
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await unlink(aside).catch(() => undefined);
    throw error;
  }
}
