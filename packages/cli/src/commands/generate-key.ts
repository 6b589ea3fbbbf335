/** `trustix generate-key`: a key pair in two new files. */
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { formatPrivateKey, formatPublicKey, keyPairOfSeed } from "@trustix/protocol";
import { usageError } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { writeNewFiles } from "../new-files.ts";

export const run: Action = async (input) => {
  const type = input.text("type") ?? "ed25519";
  if (type !== "ed25519") throw usageError(`--type: ${JSON.stringify(type)} came, "ed25519" wanted: there is one`);
  const [privkey, pubkey] = [input.needed("privkey"), input.needed("pubkey")];
  if (privkey === pubkey) throw usageError("--privkey and --pubkey name the same file");
  const keys = keyPairOfSeed(nodeCrypto(), randomSeed());
  await writeNewFiles(input.io.cwd, [
    { path: privkey, content: `${formatPrivateKey(keys)}\n`, mode: 0o600, isKey: true },
    { path: pubkey, content: `${formatPublicKey(keys.publicKey)}\n`, mode: 0o644, isKey: true },
  ]);
};
