/** Hex flags to bytes, with the flag named when they are none. */
import { fromHex } from "@trustix/crypto";
import { usageError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";
import { counted } from "./words.ts";

/** The bytes of a required flag in hex. */
export function hexFlag(input: CommandInput, flag: string, length?: number): Uint8Array {
  const text = input.needed(flag).trim();
  let bytes: Uint8Array;
  try {
    bytes = fromHex(text);
  } catch (error) {
    const hint = text.startsWith("/") ? `--${flag} is hex; \`printf %s ${text} | xxd -p -c 0\` makes it` : undefined;
    throw usageError(`--${flag}: ${(error as Error).message}`, hint);
  }
  if (length !== undefined && bytes.length !== length) {
    throw usageError(
      `--${flag}: ${counted(bytes.length, "byte", "bytes")} came, ${length} wanted (${2 * length} hex digits)`,
    );
  }
  if (bytes.length === 0) throw usageError(`--${flag}: nothing came, hex digits wanted`);
  return bytes;
}
