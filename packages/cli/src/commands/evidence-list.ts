/** `trustix evidence list`: what is kept against the keys that this node is configured with. Printed as it comes. */
import { toBase64, toHex } from "@trustix/crypto";
import type { EvidenceItem } from "@trustix/proto";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { keptEvidence } from "../kept-evidence.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { io } = input;
    const isJson = input.on("json");
    let count = 0;
    for await (const item of keptEvidence(node)) {
      if (isJson) io.out(`${count === 0 ? "[" : ","}${JSON.stringify(itemJson(item))}`);
      else io.out(itemLine(item));
      count++;
    }
    if (isJson) io.out(count === 0 ? "[]" : "]");
    else if (count === 0) io.note("trustix: no evidence is kept: nobody was caught");
  });

function itemLine({ ID, Kind, PublicKey, Names, Summary, Time, Imported }: EvidenceItem): string {
  const accused = Names.length > 0 ? Names.join(", ") : toBase64(PublicKey);
  const how = Imported ? "imported" : "found";
  return `${toHex(ID).slice(0, 16)} ${timeText(Time)} ${accused} ${Kind} (${how}): ${Summary}`;
}

function itemJson({ ID, Kind, PublicKey, Names, Summary, Time, Imported, Size }: EvidenceItem): object {
  return {
    id: toHex(ID),
    kind: Kind,
    publicKey: toBase64(PublicKey),
    names: Names,
    summary: Summary,
    time: timeText(Time),
    origin: Imported ? "imported" : "found",
    bytes: Number(Size),
  };
}

function timeText(time: bigint): string {
  return new Date(Number(time)).toISOString();
}
