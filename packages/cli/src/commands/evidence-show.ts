/** `trustix evidence show`: one proof, part by part, checked here. Exit 3 when it convicts nobody. */
import { describeEvidence, type Evidence, type LoggedEntry } from "@trustix/client";
import { toBase64, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import type { LogHead } from "@trustix/protocol";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { convicting, readEvidenceFile } from "../evidence-files.ts";
import { isIdText, keptFile } from "../kept-evidence.ts";
import { keyText } from "../words.ts";

export const run: Action = async (input) => {
  const [what = ""] = input.args;
  const file = await fileOf(input, what);
  const evidence = convicting(what, file);
  const id = toHex(nodeCrypto().sha256(file));
  const summary = describeEvidence(evidence);
  if (input.on("json")) {
    const about = { id, kind: evidence.kind, publicKey: toBase64(evidence.publicKey), summary, bytes: file.length };
    input.io.out(JSON.stringify({ ...about, file: JSON.parse(Buffer.from(file).toString("utf8")) as unknown }));
    return;
  }
  const lines = [
    ["id", id],
    ["kind", evidence.kind],
    ["accused", toBase64(evidence.publicKey)],
    ...partsOf(evidence),
    ["convicts", `yes: ${summary}`],
  ] as const;
  for (const [name, text] of lines) input.io.out(`${name.padEnd(10)} ${text}`);
};

/** By id from the node, or from a file: a file's name that could be an id is written `./NAME`. */
async function fileOf(input: CommandInput, what: string): Promise<Uint8Array> {
  if (!isIdText(what)) return readEvidenceFile(input.io.cwd, what);
  return withNode(input, async (node) => (await keptFile(node, what)).file);
}

type Line = readonly [name: string, text: string];

function partsOf(evidence: Evidence): Line[] {
  switch (evidence.kind) {
    case "same_size":
    case "map_heads_missing":
    case "log_rewritten":
    case "map_heads_rewritten":
      return [
        ["first", headText(evidence.first)],
        ["second", headText(evidence.second)],
      ];
    case "map_root":
      return [["head", headText(evidence.first)]];
    case "map_entry_differs": {
      const { head, key, entry, leaf } = evidence;
      return [
        ["head", headText(head)],
        ["key", keyText(key)],
        ["map", Buffer.from(entry).toString("latin1")],
        ["log", leaf === undefined ? "no such entry" : `leaf ${toHex(leaf)}`],
      ];
    }
    case "key_twice":
      return [
        ["head", headText(evidence.head)],
        ["key", keyText(evidence.key)],
        ...evidence.entries.map((entry): Line => ["log", entryText(entry)]),
      ];
    case "key_missing_in_map":
      return [
        ["head", headText(evidence.head)],
        ["key", keyText(evidence.key)],
        ["log", entryText(evidence.entry)],
        ["map", "no such key"],
      ];
    case "cache_key_signed_two":
      return evidence.narInfos.flatMap((narInfo, i) =>
        Buffer.from(narInfo)
          .toString("utf8")
          .trimEnd()
          .split("\n")
          .map((line): Line => [i === 0 ? "first" : "second", line]),
      );
  }
}

function headText({ treeSize, logRoot, mapRoot, mhTreeSize }: LogHead): string {
  return `size ${treeSize}, log root ${toHex(logRoot)}, map root ${toHex(mapRoot)}, ${mhTreeSize} map heads`;
}

function entryText({ index, digest }: LoggedEntry): string {
  return `entry ${index}, value ${toHex(digest)}`;
}
