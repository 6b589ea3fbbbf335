/** `trustix evidence verify`: whether a file convicts a key. Needs the two and nothing else. Exit 3 when it does not. */
import { describeEvidence } from "@trustix/client";
import { toBase64, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { CliError } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { accusedKey, convicting, readEvidenceFile } from "../evidence-files.ts";

export const run: Action = async (input) => {
  const [path = ""] = input.args;
  const publicKey = accusedKey(input.needed("public-key"));
  const file = await readEvidenceFile(input.io.cwd, path);
  const about = { id: toHex(nodeCrypto().sha256(file)), publicKey: toBase64(publicKey) };
  try {
    const evidence = convicting(path, file, publicKey);
    const summary = describeEvidence(evidence);
    if (input.on("json")) input.io.out(JSON.stringify({ convicts: true, ...about, kind: evidence.kind, summary }));
    else input.io.out(`convicts ${about.publicKey}: ${summary}`);
    return;
  } catch (error) {
    if (!(error instanceof CliError) || !input.on("json")) throw error;
    input.io.out(JSON.stringify({ convicts: false, ...about, why: error.message }));
    return error.exit;
  }
};
