/** The node's configuration with the functions of its deciders tried in a sandbox. */
import { createSandbox, type Sandbox } from "@trustix/decider";
import { loadConfig, type Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import type { CommandInput } from "./command.ts";
import { configPlaces, defaultConfigFile } from "./default-places.ts";

/** Of `--config` or the default file. `keys`: private keys are read too. Throws `bad_config`. */
export async function checkedConfig(input: CommandInput, keys: boolean): Promise<Config> {
  const { io } = input;
  const path = input.text("config") ?? defaultConfigFile(io);
  const made: Sandbox[] = [];
  // Only to check functions; a daemon has its own.
  const sandbox = async (): Promise<Sandbox> => {
    made.push(await createSandbox());
    return made[0]!;
  };
  try {
    return await loadConfig(path, { crypto: nodeCrypto(), ...configPlaces(io), keys, sandbox });
  } finally {
    for (const used of made) await used.close();
  }
}
