/**
 * Where the node's own socket is when nobody says otherwise: in the first folder that exists of what systemd gave the
 * service, what the session gave the user, and the existing project's place.
 */
import { statSync } from "node:fs";
import { join } from "node:path";

const NAME = "trustix.socket";

/** A URL. `TRUSTIX_RPC` wins. */
export function defaultSocketUrl(env: Readonly<Record<string, string | undefined>>): string {
  const { TRUSTIX_RPC: said } = env;
  if (said !== undefined && said !== "") return said;
  // systemd may give several folders, separated by colons: the first is ours.
  for (const folder of [env["RUNTIME_DIRECTORY"]?.split(":")[0], env["XDG_RUNTIME_DIR"]]) {
    if (folder !== undefined && folder.startsWith("/") && isFolder(folder)) return `unix://${join(folder, NAME)}`;
  }
  return `unix:///tmp/${NAME}`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
