/** What to do about a file that this user may not read: whose it is, and whom to run as. */
import { dirname } from "node:path";
import { nodeFiles, type Files } from "./node-files.ts";

/** Whether the system refused by permissions. */
export function isRefusedByPermissions(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

/** For an error that the system's refusal of a file or folder is behind, however far; `undefined` for all others. */
export async function hintIfRefused(error: unknown, files: Files = nodeFiles): Promise<string | undefined> {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { path } = at as NodeJS.ErrnoException;
    if (isRefusedByPermissions(at) && path !== undefined) return permissionHint(files, path);
  }
  return undefined;
}

/** Of the file, or of the nearest folder above it that can be seen: that is the one which is closed. */
export async function permissionHint(files: Files, path: string, uid = process.geteuid?.()): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const owner = await files.owner(at);
    if (owner === undefined) {
      if (dirname(at) !== at) continue;
      return "run this as the user whom it belongs to";
    }
    if (owner === uid) return `${at} is this user's own: \`chmod u+rX ${at}\` opens it`;
    const name = [...(await readUsers(files))].find(([, id]) => id === owner)?.[0];
    const whose = name === undefined ? `user ${owner}` : `user ${name} (${owner})`;
    const who = name ?? `'#${owner}'`;
    return `${at} belongs to ${whose}: run this as that user (\`sudo -u ${who} ...\`), or give it to the user who runs this`;
  }
}

/** The system's users, id by name; none where they cannot be read. */
export async function readUsers(files: Files): Promise<Map<string, number>> {
  let text: string;
  try {
    text = Buffer.from(await files.readFile("/etc/passwd", 1 << 20)).toString("utf8");
  } catch {
    return new Map(); // then no name is known, and the message names the one that was asked for
  }
  return new Map(
    text.split("\n").flatMap((line) => {
      const [user, , uid] = line.split(":");
      return user && uid && /^\d+$/.test(uid) ? [[user, Number(uid)] as const] : [];
    }),
  );
}
