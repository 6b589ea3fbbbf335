/** `trustix evidence import`: hands files to the node, which keeps what convicts a key of its configuration. */
import { toHex } from "@trustix/crypto";
import { describeEvidence } from "@trustix/client";
import { ImportEvidenceResponse_Outcomes, NodeExt } from "@trustix/proto";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { convicting, readEvidenceFile } from "../evidence-files.ts";

export const run: Action = async (input) => {
  // All are checked before the first is sent: a wrong one among many is found at once.
  const files = await Promise.all(
    input.args.map(async (path) => {
      const file = await readEvidenceFile(input.io.cwd, path);
      return { path, file, evidence: convicting(path, file) };
    }),
  );
  const imported: object[] = [];
  await withNode(input, async (node) => {
    for (const { path, file, evidence } of files) {
      const { ID, Outcome } = await node.call(NodeExt.method.importEvidence, { File: file });
      const outcome = ImportEvidenceResponse_Outcomes[Outcome].toLowerCase();
      if (input.on("json")) imported.push({ file: path, id: toHex(ID), outcome });
      else input.io.out(`${WORDS[Outcome]} ${toHex(ID).slice(0, 16)}: ${describeEvidence(evidence)}`);
    }
  });
  if (input.on("json")) input.io.out(JSON.stringify(imported));
};

const WORDS: Readonly<Record<ImportEvidenceResponse_Outcomes, string>> = {
  [ImportEvidenceResponse_Outcomes.KEPT]: "kept",
  [ImportEvidenceResponse_Outcomes.KNOWN]: "known before",
  [ImportEvidenceResponse_Outcomes.ENOUGH]: "not kept, for there is enough of its kind:",
};
