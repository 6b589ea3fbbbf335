/** `trustix print-log-id`: ids of logs, from a public key or from the publishers of a configuration. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { nodeCrypto } from "@trustix/node-crypto";
import { logIdOf, parseProtocol, parsePublicKey } from "@trustix/protocol";
import { CliError, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { configPlaces } from "../default-places.ts";

export const run: Action = async (input) => {
  const type = input.text("pubkey-type") ?? "ed25519";
  if (type !== "ed25519") throw usageError(`--pubkey-type: ${JSON.stringify(type)} came, "ed25519" wanted`);
  const mode = input.text("mode") ?? "Log";
  if (!/^(log|0)$/i.test(mode)) throw usageError(`--mode: ${JSON.stringify(mode)} came, "Log" wanted: there is one`);
  const config = input.text("config");
  if (config !== undefined) return fromConfig(input, config);
  if (input.text("pubkey") === undefined) throw usageError("--config FILE, or --protocol and --pubkey, wanted");
  const publicKey = parsePublicKey(await keyTextOf(input.io.cwd, input.needed("pubkey")));
  const protocol = parseProtocol(input.needed("protocol"));
  const id = logIdOf(nodeCrypto(), { protocol, publicKey });
  input.io.out(input.on("json") ? JSON.stringify([{ id, protocol: protocol.name }]) : id);
};

async function fromConfig(input: CommandInput, path: string): Promise<void> {
  const { loadConfig } = await import("@trustix/node");
  // The ids are public: no private key is read for them.
  const config = await loadConfig(path, { crypto: nodeCrypto(), ...configPlaces(input.io), keys: false });
  const signer = input.text("signer");
  const logs = config.publishers.filter((log) => signer === undefined || log.signer === signer);
  if (logs.length === 0) {
    const whose = signer === undefined ? "" : ` with signer ${JSON.stringify(signer)}`;
    throw new CliError(`${path} has no publisher${whose}`);
  }
  if (input.on("json")) {
    input.io.out(JSON.stringify(logs.map(({ info, name }) => ({ id: info.id, name, protocol: info.protocol.name }))));
  } else for (const { info } of logs) input.io.out(info.id);
}

/** The key itself, or the text of the file that holds it. */
async function keyTextOf(cwd: string, text: string): Promise<string> {
  if (/^[A-Za-z0-9+/]{43}=$/.test(text.trim())) return text;
  return readFile(resolve(cwd, text), "utf8").catch(() => text);
}
