/** A receipt that a node made, as a file of the user's: mode 0600, because it says what is installed. */
import { CliError } from "./cli-error.ts";
import type { CommandInput } from "./command.ts";
import { writeNewFiles } from "./new-files.ts";

export async function saveReceipt({ io }: CommandInput, path: string, receipt: Uint8Array): Promise<void> {
  if (receipt.length === 0)
    throw new CliError("the node answered without a receipt", { hint: "it is of an older version" });
  await writeNewFiles(io.cwd, [{ path, content: Buffer.from(receipt).toString("utf8"), mode: 0o600 }]);
  io.note(`trustix: receipt written to ${path}; \`trustix verify\` checks it`);
}
