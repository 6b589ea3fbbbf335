/** The proofs that a running node keeps. */
import { fromHex, toHex } from "@trustix/crypto";
import { NodeExt, type EvidenceItem } from "@trustix/proto";
import { CliError, usageError } from "./cli-error.ts";
import type { Connection } from "./connect.ts";

/** Page by page, in the node's order. */
export async function* keptEvidence(node: Connection): AsyncGenerator<EvidenceItem> {
  let after: Uint8Array | undefined;
  do {
    const page = await node.call(NodeExt.method.evidence, after === undefined ? {} : { After: after });
    yield* page.Items;
    const next = page.Next.length === 0 ? undefined : page.Next;
    // A node that answers the same page for ever would be listened to for ever.
    if (next !== undefined && page.Items.length === 0) throw new CliError("the node answered an empty page of many");
    after = next;
  } while (after !== undefined);
}

/** The file of a proof, by its id or the first 8 digits and more. */
export async function keptFile(node: Connection, idText: string): Promise<{ id: string; file: Uint8Array }> {
  const id = await wholeId(node, idText.toLowerCase());
  const { File } = await node.call(NodeExt.method.getEvidence, { ID: fromHex(id) });
  return { id, file: File };
}

export function isIdText(text: string): boolean {
  return /^[0-9a-fA-F]{8,64}$/.test(text);
}

async function wholeId(node: Connection, text: string): Promise<string> {
  if (!isIdText(text)) throw usageError(`${JSON.stringify(text)} came, an id or its first 8 digits wanted`);
  if (text.length === 64) return text;
  const found: string[] = [];
  for await (const { ID } of keptEvidence(node)) if (toHex(ID).startsWith(text)) found.push(toHex(ID));
  const [id, ...more] = found;
  const hint = "`trustix evidence list` shows what is kept";
  if (id === undefined) throw new CliError(`no evidence is kept whose id begins with ${text}`, { hint });
  if (more.length > 0) throw usageError(`${text} is the beginning of ${found.length} ids`, "write more of its digits");
  return id;
}
