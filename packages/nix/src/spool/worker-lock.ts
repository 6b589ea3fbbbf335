/**
 * One worker a spool. A lock is a file `.worker-<n>` that names its holder; the one with the largest n counts. A lock
 * that was given back, or whose holder is dead (killed, also if nobody has reaped it yet, or the machine restarted), is
 * passed over by making n + 1, which only one of several can. Whoever made a file looks again whether it is the largest: somebody slow may have made a
 * number that others had already left behind. The largest is never removed, so numbers only grow.
 *
 * What it does not see: a worker in another PID namespace looks dead. Two workers would submit items twice, and
 * submitting a claim again changes nothing.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "./spool-folder.ts";
import { SpoolError } from "./spool-error.ts";

interface Holder {
  /** 0: given back. */
  readonly pid: number;
  /** Distinguishes the holder from a later process of the same pid: boot and start time, where the system tells. */
  readonly birth: string;
  /** ISO time, for people. */
  readonly since: string;
}

/** Throws `locked`, naming the holder. The returned function gives the lock back. `now`: milliseconds since 1970. */
export async function takeWorkerLock(folder: string, now: number): Promise<() => Promise<void>> {
  const holder: Holder = { pid: process.pid, birth: birthOf(process.pid) ?? "", since: new Date(now).toISOString() };
  const draft = await writeDraft(folder, holder);
  try {
    for (;;) {
      const numbers = await lockNumbers(folder);
      const top = numbers.at(-1) ?? 0;
      if (top > 0) await refuseIfAlive(folder, top);
      // Linked, not written: the file has its contents from the first moment.
      const made = await link(draft, lockPath(folder, top + 1)).then(
        () => true,
        (error: unknown) => {
          if (codeOf(error) === "EEXIST") return false;
          throw error;
        },
      );
      if (!made) continue;
      const after = await lockNumbers(folder);
      if (after.at(-1) === top + 1) {
        for (const number of after.slice(0, -1)) await forget(lockPath(folder, number));
        return async () => rename(await writeDraft(folder, { ...holder, pid: 0 }), lockPath(folder, top + 1));
      }
      await forget(lockPath(folder, top + 1));
    }
  } finally {
    await forget(draft);
  }
}

/** Who drains the spool now; `undefined`: nobody. Changes nothing. Throws what `readdir` throws. */
export async function workerOf(folder: string): Promise<{ readonly pid: number; readonly since: string } | undefined> {
  const top = (await lockNumbers(folder)).at(-1);
  const holder = top === undefined ? undefined : await readHolder(lockPath(folder, top));
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

async function writeDraft(folder: string, holder: Holder): Promise<string> {
  const draft = join(folder, `.tmp-worker-${randomUUID()}`);
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600, flag: "wx" });
  return draft;
}

function lockPath(folder: string, number: number): string {
  return join(folder, `.worker-${number}`);
}

async function lockNumbers(folder: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(folder)) {
    const number = /^\.worker-(\d{1,15})$/.exec(name)?.[1];
    if (number !== undefined) numbers.push(Number(number));
  }
  return numbers.sort((a, b) => a - b);
}

async function refuseIfAlive(folder: string, number: number): Promise<void> {
  const holder = await readHolder(lockPath(folder, number));
  if (holder === undefined || !isAlive(holder)) return;
  const who = holder.pid === process.pid ? `this process (pid ${holder.pid})` : `pid ${holder.pid}`;
  throw new SpoolError("locked", `the spool ${folder} is drained by ${who} since ${holder.since}`, {
    hint: "one worker is enough: stop that one, or leave the work to it",
  });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const parsed = JSON.parse(await readFile(path, "utf8")) as Partial<Record<keyof Holder, unknown>> | null;
    const { pid, birth, since } = parsed ?? {};
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    return { pid, birth: String(birth ?? ""), since: String(since ?? "") };
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  const stat = statOf(holder.pid);
  // Killed and not yet reaped by its parent: it still has its pid, and does nothing any more.
  if (stat !== undefined && (stat.state === "Z" || stat.state === "X")) return false;
  const birth = birthOf(holder.pid);
  if (birth !== undefined && holder.birth !== "") return birth === holder.birth;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return codeOf(error) === "EPERM";
  }
}

/** Boot id and start time. `undefined` for a dead process, or where there is no /proc. */
function birthOf(pid: number): string | undefined {
  try {
    const started = statOf(pid)?.started;
    return started && `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${started}`;
  } catch {
    return undefined;
  }
}

/** Fields 3 and 22 of proc(5) stat; the second field, a name in brackets, may hold anything. */
function statOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0]!, started: fields[19]! };
  } catch {
    return undefined;
  }
}

async function forget(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}
