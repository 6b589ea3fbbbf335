/** The store path that a person means: whole, a path below one, a link to one, a base name, or a hash part the node knows. */
import {
  hashPartBytes,
  isHashPart,
  NixFormatError,
  parseStorePath,
  storePathOfBaseName,
  type StorePath,
} from "@trustix/nix-formats";
import { NodeExt } from "@trustix/proto";
import { CliError, usageError } from "./cli-error.ts";
import type { Io } from "./command.ts";
import type { Connection } from "./connect.ts";
import { storePathOf } from "./store-links.ts";

const EXAMPLE =
  "for example /nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0, its hash part, or a link such as ./result";

/** Says which it is where that is not what was named. Throws `CliError`. */
export async function askedPath(
  named: string,
  node: Pick<Connection, "call">,
  io: Pick<Io, "cwd" | "note">,
): Promise<StorePath> {
  const path = isHashPart(named) ? await pathOfHashPart(named, node) : await pathNamed(named, io.cwd);
  if (path !== named) io.note(`trustix: ${named} is taken as ${path}`);
  return path;
}

async function pathOfHashPart(hashPart: string, node: Pick<Connection, "call">): Promise<StorePath> {
  const { Paths } = await node.call(NodeExt.method.pathByHashPart, { HashPart: hashPartBytes(hashPart) });
  const paths = Paths.flatMap((key) => storePathIn(key) ?? []);
  if (paths.length === 1) return paths[0]!;
  throw paths.length === 0
    ? usageError(`${hashPart}: no log that is here has a path with this hash part`, "name the whole store path")
    : usageError(`${hashPart}: more than one path has this hash part`, `name one: ${paths.join(", ")}`);
}

/** Anybody may have published a key that only looks like one. */
function storePathIn(key: Uint8Array): StorePath | undefined {
  try {
    return parseStorePath(Buffer.from(key).toString("utf8"));
  } catch {
    return undefined;
  }
}

async function pathNamed(named: string, cwd: string): Promise<StorePath> {
  try {
    return named.includes("/") ? await storePathOf(named, cwd) : storePathOfBaseName(named);
  } catch (error) {
    // A link beside us may be named like anything.
    const linked = named.includes("/") ? undefined : await storePathOf(named, cwd).catch(() => undefined);
    if (linked !== undefined) return linked;
    if (error instanceof NixFormatError) throw usageError(error.message, EXAMPLE);
    if (error instanceof CliError)
      throw usageError(error.message, [error.hint, EXAMPLE].filter((one) => one !== undefined).join("; "));
    throw error;
  }
}
