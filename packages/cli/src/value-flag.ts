/** The value that a command was given: in hex on the command line, or as the bytes of a file, which show in no process list. */
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { hexFlag } from "./byte-flags.ts";
import { CliError, usageError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";

/** What a node takes in one message unless its configuration says otherwise; of one value it takes less. */
const MAX_BYTES = 16 << 20;

/** Of `--value` or `--value-file`, exactly one. Throws `CliError`. */
export async function valueFlag(input: CommandInput): Promise<Uint8Array> {
  const path = input.text("value-file");
  const isGiven = input.text("value") !== undefined;
  if (path !== undefined && isGiven) throw usageError("--value and --value-file: one of them wanted");
  if (path === undefined && !isGiven) {
    throw usageError("--value <hex> or --value-file <file> is missing", "see `trustix submit --help`");
  }
  return path === undefined ? hexFlag(input, "value") : bytesOf(input, path);
}

/** No more than `MAX_BYTES` are ever read. */
async function bytesOf({ io }: CommandInput, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const file = path === "-" ? io.stdin() : createReadStream(resolve(io.cwd, path), { signal: io.signal });
    for await (const chunk of file) {
      size += chunk.length;
      if (size > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new CliError(`--value-file: ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (size > MAX_BYTES) throw usageError(`--value-file: more than ${MAX_BYTES} bytes came, which no message holds`);
  if (size === 0) throw usageError(`--value-file: ${path} is empty`);
  return Buffer.concat(chunks);
}
