/**
 * Says who holds a state folder. The engine's own lock decides who may open; the file here only names the holder, so a
 * missing, torn or stale one costs a vaguer message and nothing else. It is never trusted to grant anything.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OWNER_FILE = "owner.json";

interface Owner {
  readonly pid: number;
  /** Milliseconds since 1970 when it opened the folder. */
  readonly since: number;
  /** Of the process, in the system's ticks: tells a reused pid from the holder. Empty where the system does not say. */
  readonly started: string;
}

/** Call once the engine has granted the folder to us. Takes over what a dead process left. */
export function nameOwner(folder: string): void {
  const owner: Owner = { pid: process.pid, since: Date.now(), started: startOf(process.pid) ?? "" };
  const path = join(folder, OWNER_FILE);
  writeFileSync(`${path}.new`, JSON.stringify(owner), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Call before the engine lets go, so that we never remove a successor's name. */
export function forgetOwner(folder: string): void {
  rmSync(join(folder, OWNER_FILE), { force: true });
}

/** For the message of a refusal: who holds `folder`, as far as can be known. */
export function describeOwner(folder: string): string {
  const owner = readOwner(folder);
  if (owner === undefined || !isAlive(owner)) return "another process that has not named itself yet";
  const since = new Date(owner.since).toISOString();
  return owner.pid === process.pid
    ? `this process (pid ${owner.pid}) since ${since}`
    : `pid ${owner.pid} since ${since}`;
}

function readOwner(folder: string): Owner | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, OWNER_FILE), "utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { pid, since, started } = parsed as Partial<Record<keyof Owner, unknown>>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof started !== "string") return undefined;
    if (typeof since !== "number" || !(Math.abs(since) <= 8.64e15)) return undefined;
    return { pid: pid as number, since, started };
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  const started = startOf(owner.pid);
  if (started !== undefined && owner.started !== "") return started === owner.started;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Start time in ticks since boot: field 22 of proc(5) stat. `undefined` for a dead process or without /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
