/** The node's configuration, for commands that only need some of it: without private keys. */
import { existsSync } from "node:fs";
import type { Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import type { CommandInput } from "./command.ts";
import { configPlaces, defaultConfigFile } from "./default-places.ts";

/** `--config`, else the default file if it is there, else `undefined`. Warnings go to stderr. Throws `bad_config`. */
export async function readNodeConfig(input: CommandInput): Promise<Config | undefined> {
  const { io } = input;
  const path = input.text("config") ?? (existsSync(defaultConfigFile(io)) ? defaultConfigFile(io) : undefined);
  if (path === undefined) return undefined;
  const { loadConfig } = await import("@trustix/node");
  const config = await loadConfig(path, { crypto: nodeCrypto(), ...configPlaces(io), keys: false });
  for (const warning of config.warnings) io.note(`trustix: warning: ${path}: ${warning}`);
  return config;
}
