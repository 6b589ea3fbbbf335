/** A worker that finds the place taken: it waits, says so once, and takes over when the other one is gone. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SpoolOptions } from "../../src/spool/spool-options.ts";
import { openSpool } from "../../src/spool/spool-worker.ts";
import { openSpoolWhenFree } from "../../src/spool/wait-for-place.ts";

let root: string;
let options: SpoolOptions;
let said: string[];
let timers: { ms: number; call: () => void }[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "place-"));
  const folder = join(root, "spool");
  await mkdir(folder, { mode: 0o700 });
  said = [];
  timers = [];
  const note = (_fields: object, message: string): void => void said.push(message);
  options = {
    folder,
    submit: async () => ({ state: "accepted", refused: [] }),
    clock: {
      now: () => Date.UTC(2026, 0, 2),
      after: (ms, call) => {
        const timer = { ms, call };
        timers.push(timer);
        return { cancel: () => void (timers = timers.filter((other) => other !== timer)) };
      },
    },
    log: { info: note, warn: note },
    filter: () => undefined as never,
  };
});
afterEach(() => rm(root, { recursive: true }));

/** Resolves once it waits by the clock. */
async function aTimer(): Promise<() => void> {
  while (timers.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(timers.map(({ ms }) => ms)).toEqual([30_000]);
  return timers.pop()!.call;
}

test("a free place is taken without a word", async () => {
  const spool = await openSpoolWhenFree(options, new AbortController().signal);
  expect(said).toEqual([]);
  await spool!.close();
});

test.each([
  { what: "gives the place back", leave: (first: { close(): Promise<void> }) => first.close() },
  {
    what: "dies",
    leave: async () => {
      const lock = join(options.folder, ".worker-1");
      const held = JSON.parse(await readFile(lock, "utf8")) as object;
      await writeFile(lock, JSON.stringify({ ...held, birth: "an earlier life" }));
    },
  },
])("when the worker $what, whoever waited takes over, and both are told once", async ({ leave }) => {
  const first = await openSpool(options);
  const waiting = openSpoolWhenFree(options, new AbortController().signal);
  for (let round = 0; round < 3; round++) (await aTimer())();
  const look = await aTimer();
  const taken = `the spool ${options.folder} is drained by this process (pid ${process.pid}) since 2026-01-02T00:00:00.000Z`;
  expect(said).toEqual([`${taken}: this process takes over when that one ends`]);
  await leave(first);
  look();
  const spool = await waiting;
  expect(said.slice(1)).toEqual(["the spool's worker is gone: this process drains it now"]);
  await spool!.close();
});

test("told to end, it waits no longer and has taken nothing", async () => {
  const first = await openSpool(options);
  const ending = new AbortController();
  const waiting = openSpoolWhenFree(options, ending.signal);
  await aTimer();
  ending.abort();
  expect(await waiting).toBeUndefined();
  await first.close();
});

test("a spool that must not be touched is not waited for", async () => {
  await rm(options.folder, { recursive: true });
  await writeFile(options.folder, "");
  const refused = openSpoolWhenFree(options, new AbortController().signal);
  await expect(refused).rejects.toMatchObject({ name: "SpoolError" });
  expect(timers).toEqual([]);
});
