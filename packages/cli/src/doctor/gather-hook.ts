/**
 * The configured post-build hook, and what it does. Run is only one that is ours, that nobody but root and this user can
 * have written; without a derivation, which it then says it misses, and into a spool of its own that is thrown away.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdtemp, open, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { quoted } from "../words.ts";
import type { Io } from "../command.ts";
import type { HookFacts } from "./facts.ts";

const LIMIT_MS = 10_000;
const MAX_SCRIPT = 64 * 1024;
const HOW = "run without DRV_PATH, with an empty OUT_PATHS and a spool of its own";

export async function gatherHook(path: string | undefined, io: Io): Promise<HookFacts> {
  const ours = await onPath("trustix-nix-hook", io.env["PATH"] ?? "");
  return { path, ours, found: path === undefined ? undefined : await look(path, io) };
}

async function look(path: string, io: Io): Promise<NonNullable<HookFacts["found"]>> {
  let real: string;
  try {
    real = await realpath(path);
    const unsafe = (await writableBy(dirname(real), io.uid)) ?? (await writableBy(real, io.uid));
    if (unsafe !== undefined) return { kind: "unsafe", ...unsafe };
    if (!(await stat(real)).isFile()) return { kind: "absent", why: "it is no file" };
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { kind: "absent", why: absent ? "there is no such file" : (error as Error).message };
  }
  const executable = await access(real, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!executable) return { kind: "not executable" };
  return (await isOurs(real)) ? run(path, io) : { kind: "foreign" };
}

/** Who may change the file may run anything as whoever builds. */
async function writableBy(path: string, uid: number): Promise<{ why: string; command: string } | undefined> {
  const {
    mode,
    uid: owner,
    isDirectory,
  } = await stat(path).then((s) => ({ mode: s.mode, uid: s.uid, isDirectory: s.isDirectory() }));
  const shared = (mode & 0o002) !== 0 && !(isDirectory && (mode & 0o1000) !== 0);
  if (shared) return { why: `everybody may write to ${path}`, command: `chmod o-w ${quoted(path)}` };
  if (owner === 0 || owner === uid) return undefined;
  return { why: `${path} belongs to user ${owner}`, command: `chown root ${quoted(path)}` };
}

/** A script of ours, or one that calls ours. */
async function isOurs(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SCRIPT), 0, MAX_SCRIPT, 0);
    return /trustix-nix/.test(buffer.toString("latin1", 0, bytesRead));
  } finally {
    await file.close();
  }
}

async function run(path: string, io: Io): Promise<NonNullable<HookFacts["found"]>> {
  const spool = await mkdtemp(join(tmpdir(), "trustix-doctor-"));
  const env: NodeJS.ProcessEnv = { ...io.env, OUT_PATHS: "", TRUSTIX_SPOOL: spool };
  delete env["DRV_PATH"];
  try {
    return await new Promise((done) => {
      const options = { env, cwd: "/", timeout: LIMIT_MS, killSignal: "SIGKILL" as const, maxBuffer: MAX_SCRIPT };
      execFile(path, [], options, (error, stdout, stderr) => {
        const said = `${stdout}${stderr}`.trim().split("\n").at(-1) ?? "";
        const exit =
          error === null ? 0 : error.killed === true ? undefined : typeof error.code === "number" ? error.code : 126;
        done({ kind: "ran", how: HOW, exit, said });
      });
    });
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
}

/** The first file of that name that may be run. */
async function onPath(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((part) => part.startsWith("/"))) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}
