/**
 * Whom a unix socket belongs to. A socket that another user made could be anybody's: nothing is sent to it.
 * Accepted owners are root, ourselves and users that were configured; the same holds for the folder it lies in, and
 * a folder that everybody may write in must be sticky, or anybody could swap the socket.
 */
import { lstat, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { RpcError } from "./rpc-error.ts";

export interface SocketOwners {
  /** User ids accepted beside root and our own. */
  readonly uids: readonly number[];
}

/** Throws `RpcError`: `unavailable` when there is no socket, `permission_denied` when it is somebody else's. */
export async function checkSocketOwner(path: string, owners: SocketOwners): Promise<void> {
  const accepted = new Set([0, process.getuid?.() ?? 0, ...owners.uids]);
  const socket = await lstat(path).catch((cause: unknown) => {
    throw new RpcError("unavailable", `socket ${path}: ${reasonOf(cause)}`, { origin: "network", cause });
  });
  // A link is judged by where it leads as well: both its own owner and the socket's count.
  const target = socket.isSymbolicLink() ? await stat(path).catch(() => undefined) : socket;
  if (target === undefined || !target.isSocket()) throw refused(`${path} is not a socket`);
  const folder = await stat(dirname(path));
  for (const [what, info] of [
    ["socket", socket],
    ["socket", target],
    ["folder", folder],
  ] as const) {
    if (!accepted.has(info.uid)) {
      throw refused(
        `the ${what} of ${path} belongs to user ${info.uid}; accepted are ${[...accepted].sort((a, b) => a - b).join(", ")}`,
      );
    }
  }
  const everybodyWrites = (folder.mode & 0o002) !== 0;
  const sticky = (folder.mode & 0o1000) !== 0;
  if (everybodyWrites && !sticky) throw refused(`everybody may replace files in the folder of ${path}`);
}

function refused(message: string): RpcError {
  return new RpcError("permission_denied", message, { origin: "local" });
}

function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  return code === "ENOENT" ? "no such socket (is the daemon running?)" : String(code ?? cause);
}
