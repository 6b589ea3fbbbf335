/** What this machine's store says about the closures of some store paths. */
import { NixFormatError, parsePathInfos, type PathInfo, type ValidPathInfo } from "@trustix/nix-formats";
import type { RunNix } from "./run-nix.ts";

export class ClosureError extends Error {
  override name = "ClosureError";
}

/**
 * Every path of the closures, each once. `store`: as `nix --store` takes it, instead of the machine's. Throws `ClosureError`
 * for a path that is not in the store.
 */
export async function readClosure(
  nix: RunNix,
  paths: readonly string[],
  signal: AbortSignal,
  store?: string,
): Promise<ValidPathInfo[]> {
  // Without a path Nix would take the current folder for a flake.
  if (paths.length === 0) throw new ClosureError("no store path given");
  for (const path of paths) {
    // A relative path or an option would mean something else to Nix.
    if (!path.startsWith("/")) throw new ClosureError(`a full store path wanted, got ${JSON.stringify(path)}`);
  }
  const missing = (path: string, cause?: unknown): ClosureError =>
    new ClosureError(`${path} is not in ${store ?? "this machine's store"}`, { cause });
  const where = store === undefined ? [] : ["--store", store];
  // Offline: Nix would ask its caches for what is not there.
  const args = ["path-info", "--offline", ...where, "--json", "--recursive", "--", ...paths];
  const said = await nix(args, signal).catch((error: unknown) => {
    const path = error instanceof Error ? /path '(\/[^']+)' is not valid/.exec(error.message)?.[1] : undefined;
    throw path === undefined ? error : missing(path, error);
  });
  return parse(said).map((info) => {
    // So some versions say it, with exit status 0.
    if (!info.valid) throw missing(info.storePath);
    return info;
  });
}

function parse(said: Uint8Array): PathInfo[] {
  try {
    return parsePathInfos(said);
  } catch (error) {
    if (!(error instanceof NixFormatError)) throw error;
    throw new ClosureError(`what Nix says of the closure cannot be read: ${error.message}`, { cause: error });
  }
}
