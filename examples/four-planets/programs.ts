/** The installed commands, and an environment in which they find nothing of the machine's own Trustix. */
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const BIN = join(import.meta.dirname, "../../packages/cli/bin");
export const TRUSTIX = join(BIN, "trustix");
export const TRUSTIX_NIX = join(BIN, "trustix-nix");

export function programEnvironment(folder: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith("TRUSTIX_") && !name.startsWith("XDG_") && !name.endsWith("_DIRECTORY")) env[name] = value;
  }
  return {
    ...env,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, "config"),
    XDG_STATE_HOME: join(folder, "state-home"),
    // For root the state is the machine's own, unless somebody says otherwise.
    STATE_DIRECTORY: join(folder, "state"),
  };
}

/** A node of the example: its folder, and the socket where it answers its owner. */
export interface OwnNode {
  readonly folder: string;
  readonly socket: string;
}

/** Runs `trustix` as the owner of a node; what it printed. Rejects with what it complained of. */
export async function trustix({ folder, socket }: OwnNode, ...args: string[]): Promise<string> {
  const env = {
    ...programEnvironment(folder),
    TRUSTIX_RPC: socket,
    TRUSTIX_TOKEN: join(folder, "state", "trustix.token"),
  };
  const { stdout } = await promisify(execFile)(TRUSTIX, args, { env, cwd: folder });
  return stdout.trim();
}

/** A TCP port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
