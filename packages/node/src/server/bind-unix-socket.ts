/**
 * Binding a unix socket safely. A file already there is removed only if it is a socket of ours that nobody answers at;
 * a socket of somebody else, or one that is alive, is refused. The new socket is never open to others, not for a moment:
 * it is made in a folder that only we can enter and moved to its place once its mode is right.
 */
import { chmod, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { NodeError } from "../errors.ts";

/** Owner and group may connect. */
const MODE = 0o660;
/** Longest path a socket address holds on Linux, its final zero left out. */
const MAX_PATH_BYTES = 107;

/**
 * Starts listening at `path`; resolves with what removes the socket after the server closed. Throws `locked`,
 * `permission_denied`, `not_found`, `unavailable` or `bad_config`.
 */
export async function bindUnixSocket(server: Server, path: string): Promise<() => Promise<void>> {
  const folder = dirname(path);
  const length = Math.max(Buffer.byteLength(path), Buffer.byteLength(join(folder, ".t-123456", "s")));
  if (length > MAX_PATH_BYTES) {
    throw new NodeError("bad_config", `socket ${path}: needs ${length} bytes, at most ${MAX_PATH_BYTES} wanted`);
  }
  await checkFolder(folder, path);
  await removeStale(path);
  try {
    const own = await mkdtemp(join(folder, ".t-"));
    try {
      await listenAt(server, join(own, "s"));
      await chmod(join(own, "s"), MODE);
      await rename(join(own, "s"), path);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
    const { ino } = await lstat(path);
    return async () => {
      // Somebody may have put another in its place since.
      if ((await lstatIfThere(path))?.ino === ino) await unlink(path);
    };
  } catch (cause) {
    if (cause instanceof NodeError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code === "EACCES" ? "permission_denied" : "unavailable";
    throw new NodeError(code, `socket ${path}: ${(cause as Error).message}`, { cause });
  }
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function checkFolder(folder: string, path: string): Promise<void> {
  const found = await lstatIfThere(folder);
  if (found === undefined) {
    throw new NodeError("not_found", `socket ${path}: the folder ${folder} does not exist`, {
      hint: `mkdir -m 0750 ${folder}`,
    });
  }
  const sticky = (found.mode & 0o1000) !== 0;
  if ((found.mode & 0o002) !== 0 && !sticky) {
    throw new NodeError("permission_denied", `socket ${path}: anybody may replace files in ${folder}`, {
      hint: `chmod o-w ${folder}`,
    });
  }
  if (!sticky && found.isDirectory() && found.uid !== 0 && found.uid !== process.getuid!()) {
    throw new NodeError("permission_denied", `socket ${path}: the folder ${folder} belongs to user ${found.uid}`);
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await lstatIfThere(path);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new NodeError("permission_denied", `socket ${path}: something else is there, and it is kept`);
  if (found.uid !== process.getuid!()) {
    throw new NodeError("permission_denied", `socket ${path}: it belongs to user ${found.uid}, not to us`);
  }
  if (await isAnswered(path)) {
    throw new NodeError("locked", `socket ${path}: another process answers there`, {
      hint: "stop it, or listen elsewhere with --listen",
    });
  }
  await unlink(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // Anything but "nobody listens" (a full backlog, no permission) means that somebody may be there.
    probe.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new NodeError("permission_denied", `socket ${path}: ${(error as Error).message}`, { cause: error });
  }
}
