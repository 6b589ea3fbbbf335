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

/** Receipts of what the cache proxy served. */
export function defaultReceiptsFolder(place: Place): string {
  return join(defaultStateFolder(place), "receipts");
}

/**
 * Configuration, keys and token: what a service manager hands over, else below `$XDG_CONFIG_HOME` if somebody set it, else
 * `/etc/trustix` for root and `~/.config/trustix` for others.
 */
export function defaultConfigFolder({ env, uid }: Place): string {
  const given = env["CONFIGURATION_DIRECTORY"]?.split(":")[0];
  if (given) return given;
  const named = env["XDG_CONFIG_HOME"];
  if (named) return join(named, "trustix");
  return uid === 0 ? SYSTEM_CONFIG : join(env["HOME"] || "/", ".config", "trustix");
}

const SYSTEM_CONFIG = "/etc/trustix";
const CONFIG_FILE = "trustix.toml";

/** Root's file was once looked for in `/etc/trustix` alone: it is still found there when there is none where it belongs. */
export function defaultConfigFile(place: Place, exists: (path: string) => boolean = existsSync): string {
  const file = join(defaultConfigFolder(place), CONFIG_FILE);
  const former = join(SYSTEM_CONFIG, CONFIG_FILE);
  const wasThere = place.uid === 0 && !place.env["CONFIGURATION_DIRECTORY"];
  return wasThere && !exists(file) && exists(former) ? former : file;
}

/**
 * Head markers, by the same rule: except that a folder which a service manager hands over for configuration is only read.
 * `undefined` where nothing says where. Root's were once below `$HOME`: they stay there where they are.
 */
export function defaultMarkerFolder(
  { env, uid }: Place,
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  const named = env["XDG_CONFIG_HOME"];
  if (named) return join(named, "trustix", "heads");
  const users = env["HOME"] ? join(env["HOME"], ".config", "trustix", "heads") : undefined;
  if (uid !== 0) return users;
  const system = join(SYSTEM_CONFIG, "heads");
  return users !== undefined && exists(users) && !exists(system) ? users : system;
}

/**
 * Every folder in which another environment would have put them, best first. The environment that a daemon is started
 * with may change, and a marker that is not looked at guards nothing: a fresh state would be signed as a second history.
 */
export function markerFolders({ env }: Place): string[] {
  const configs = [env["XDG_CONFIG_HOME"], env["HOME"] && join(env["HOME"], ".config")];
  const users = configs.flatMap((folder) => (folder ? [join(folder, "trustix", "heads")] : []));
  return [...new Set([...users, join(SYSTEM_CONFIG, "heads")])];
}

/** What reading a configuration needs to know of places. */
export function configPlaces(place: Place & { readonly cwd: string }): {
  cwd: string;
  headMarkers: string | undefined;
  headMarkersElsewhere: string[];
} {
  const own = defaultMarkerFolder(place);
  return {
    cwd: place.cwd,
    headMarkers: own,
    headMarkersElsewhere: markerFolders(place).filter((folder) => folder !== own),
  };
}

/**
 * Files that may hold the private token, best first; TRUSTIX_TOKEN alone if it is set. `isOwn`: the one that the daemon made
 * for itself comes first.
 */
export function tokenFiles(place: Place, isOwn = false): { readonly paths: readonly string[]; readonly told: boolean } {
  const told = place.env["TRUSTIX_TOKEN"];
  if (told) return { paths: [told], told: true };
  const former = place.uid === 0 && !place.env["CONFIGURATION_DIRECTORY"] ? [SYSTEM_CONFIG] : [];
  const configs = new Set([defaultConfigFolder(place), ...former]);
  const state = defaultStateFolder(place);
  const folders = isOwn ? [state, ...configs] : [...configs, state];
  return { paths: folders.map((folder) => join(folder, "trustix.token")), told: false };
}
