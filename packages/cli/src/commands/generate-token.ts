/** `trustix generate-token`: a write token; its private half for those who submit, its public half for the node. */
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { formatPrivateToken, formatPublicToken, keyPairOfSeed } from "@trustix/protocol";
import { usageError } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { writeNewFiles, type NewFile } from "../new-files.ts";

export const run: Action = async (input) => {
  const name = input.needed("name");
  const [privkey, pubkey] = [input.text("privkey"), input.text("pubkey")];
  if (privkey !== undefined && privkey === pubkey) throw usageError("--privkey and --pubkey name the same file");
  const token = { name, ...keyPairOfSeed(nodeCrypto(), randomSeed()) };
  const halves = [
    { path: privkey, content: formatPrivateToken(token), mode: 0o600 },
    { path: pubkey, content: formatPublicToken(token), mode: 0o644 },
  ];
  await writeNewFiles(
    input.io.cwd,
    halves.flatMap(({ path, content, mode }): NewFile[] =>
      path === undefined ? [] : [{ path, content: `${content}\n`, mode }],
    ),
  );
  // What has no file is the result.
  for (const { path, content } of halves) if (path === undefined) input.io.out(content);
};
