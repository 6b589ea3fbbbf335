/**
 * Where things are when nobody says: the node's address, its state, its configuration. The same answers for the daemon
 * and for those who call it.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
}

/** The socket's name in each folder, best first. The last is the existing program's. */
function socketCandidates({ env }: Place): string[] {
  // systemd separates several folders by colons.
  const runtime = env["RUNTIME_DIRECTORY"]?.split(":")[0];
  const session = env["XDG_RUNTIME_DIR"];
  return [
    ...(runtime ? [join(runtime, "trustix.socket")] : []),
    ...(session ? [join(session, "trustix.socket")] : []),
    "/tmp/trustix.socket",
  ];
}

/** Where a daemon listens by default: TRUSTIX_RPC, else in the first of these folders that exists. */
export function defaultListenAddress(place: Place, exists: (path: string) => boolean = existsSync): string {
  const told = place.env["TRUSTIX_RPC"];
  if (told) return told;
  const candidates = socketCandidates(place);
  return `unix://${candidates.find((path) => exists(dirname(path))) ?? candidates.at(-1)!}`;
}

/**
 * Where a client finds the node: TRUSTIX_RPC, else the first of these sockets that is there, else where a daemon
 * started now would listen. Whose socket it is gets checked before anything is sent.
 */
export function defaultAddress(place: Place, exists: (path: string) => boolean = existsSync): string {
  const told = place.env["TRUSTIX_RPC"];
  if (told) return told;
  const found = socketCandidates(place).find(exists);
  return found === undefined ? defaultListenAddress(place, exists) : `unix://${found}`;
}

/** The daemon's state: `$STATE_DIRECTORY`, `/var/lib/trustix` for root, else below `$XDG_STATE_HOME`. */
export function defaultStateFolder({ env, uid }: Place): string {
  const given = env["STATE_DIRECTORY"]?.split(":")[0];
  if (given) return given;
  if (uid === 0) return "/var/lib/trustix";
  return join(env["XDG_STATE_HOME"] || join(env["HOME"] || "/", ".local", "state"), "trustix");
}

/** Configuration, keys and token: `/etc/trustix` for root, else below `$XDG_CONFIG_HOME`. */
export function defaultConfigFolder({ env, uid }: Place): string {
  const given = env["CONFIGURATION_DIRECTORY"]?.split(":")[0];
  if (given) return given;
  if (uid === 0) return "/etc/trustix";
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || "/", ".config"), "trustix");
}

export function defaultConfigFile(place: Place): string {
  return join(defaultConfigFolder(place), "trustix.toml");
}

/**
 * Files that may hold the private token, best first; TRUSTIX_TOKEN alone if it is set. `isOwn`: the one that the daemon made
 * for itself comes first.
 */
export function tokenFiles(place: Place, isOwn = false): { readonly paths: readonly string[]; readonly told: boolean } {
  const told = place.env["TRUSTIX_TOKEN"];
  if (told) return { paths: [told], told: true };
  const folders = [defaultConfigFolder(place), defaultStateFolder(place)];
  if (isOwn) folders.reverse();
  return { paths: folders.map((folder) => join(folder, "trustix.token")), told: false };
}
