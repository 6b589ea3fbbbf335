/** `trustix refused`: second values that the write rule turned away, beside what stands. Printed as they come. */
import { toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeExt, type RefusedClaim, RefusedClaim_Places } from "@trustix/proto";
import { CliError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode, type Connection } from "../connect.ts";
import { findLogId } from "../find-log.ts";
import { keyText } from "../words.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { io } = input;
    const isJson = input.on("json");
    let count = 0;
    for await (const claim of refusedClaims(input, node)) {
      if (isJson) io.out(`${count === 0 ? "[" : ","}${JSON.stringify(claimJson(claim))}`);
      else io.out(claimLine(claim));
      count++;
    }
    if (isJson) io.out(count === 0 ? "[]" : "]");
    else if (count === 0) io.note("trustix: nothing was refused");
  });

/** Page by page, so that any number of them needs little memory here and at the node. */
async function* refusedClaims(input: CommandInput, node: Connection): AsyncGenerator<RefusedClaim> {
  const LogID = await findLogId(input, node);
  let after: Uint8Array | undefined;
  do {
    const page = await node.call(NodeExt.method.refused, { LogID, ...(after !== undefined && { After: after }) });
    yield* page.Claims;
    const next = page.Next.length === 0 ? undefined : page.Next;
    // A node that answers the same page for ever would be listened to for ever.
    if (next !== undefined && page.Claims.length === 0) throw new CliError("the node answered an empty page of many");
    after = next;
  } while (after !== undefined);
}

function claimLine({ Key, Value, Standing, Time }: RefusedClaim): string {
  const refused = toHex(nodeCrypto().sha256(Value));
  return `${timeText(Time)} ${keyText(Key)} stands '${toHex(Standing)}' refused '${refused}'`;
}

function claimJson({ Key, Value, Standing, Time, FoundAt }: RefusedClaim): object {
  return {
    key: toHex(Key),
    standing: toHex(Standing),
    refused: toHex(nodeCrypto().sha256(Value)),
    value: toHex(Value),
    time: timeText(Time),
    foundAt: FoundAt === RefusedClaim_Places.SUBMIT ? "submit" : "flush",
  };
}

function timeText(time: bigint): string {
  return new Date(Number(time)).toISOString();
}
