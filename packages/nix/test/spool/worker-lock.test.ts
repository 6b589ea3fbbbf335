/** One worker a spool, whatever dies, and whoever comes at the same moment. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeWorkerLock, workerOf } from "../../src/spool/worker-lock.ts";

const NOW = Date.UTC(2026, 0, 2);
let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "lock-"))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const locks = async () => (await readdir(folder)).filter((name) => name.startsWith(".worker-"));

test("a second worker is refused and told who holds the spool", async () => {
  await takeWorkerLock(folder, NOW);
  await expect(takeWorkerLock(folder, NOW)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining(`this process (pid ${process.pid}) since 2026-01-02T00:00:00.000Z`),
  });
});

test("a lock that was given back is taken again, and one file is left", async () => {
  for (let round = 0; round < 3; round++) await (await takeWorkerLock(folder, NOW))();
  await takeWorkerLock(folder, NOW);
  expect(await locks()).toEqual([".worker-4"]);
  expect((await readdir(folder)).length).toBe(1);
});

test("the lock of a killed process is taken over, that of a living one is not", async () => {
  const module = join(import.meta.dirname, "../../src/spool/worker-lock.ts");
  const program = `const { takeWorkerLock } = await import(${JSON.stringify(module)});
    await takeWorkerLock(${JSON.stringify(folder)}, 0); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await expect(takeWorkerLock(folder, NOW)).rejects.toThrow(`pid ${child.pid}`);
  child.kill("SIGKILL");
  await once(child, "close");
  await expect(takeWorkerLock(folder, NOW)).resolves.toBeTypeOf("function");
});

// After a quick restart the old daemon was a zombie, and the new one took it for the worker as long as nobody reaped it.
test("the lock of a killed process that nobody has reaped does not hold", async () => {
  const module = join(import.meta.dirname, "../../src/spool/worker-lock.ts");
  const program = `const { takeWorkerLock } = await import(${JSON.stringify(module)});
    await takeWorkerLock(${JSON.stringify(folder)}, 0); console.log(process.pid); setInterval(() => {}, 1000);`;
  // `sleep` takes the place of the parent, and reaps nothing.
  const parent = spawn(
    "sh",
    ["-c", '"$@" & exec sleep 600', "sh", process.execPath, "--input-type=module", "-e", program],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  try {
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(said.toString());
    await expect(takeWorkerLock(folder, NOW)).rejects.toThrow(`pid ${pid}`);
    process.kill(pid, "SIGKILL");
    const state = async () => / ([A-Z]) /.exec((await readFile(`/proc/${pid}/stat`, "latin1")).split(")").at(-1)!)?.[1];
    while ((await state()) !== "Z") await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await workerOf(folder)).toBeUndefined();
    await expect(takeWorkerLock(folder, NOW)).resolves.toBeTypeOf("function");
  } finally {
    parent.kill("SIGKILL");
  }
});

test("the lock of a process whose pid a later one has does not hold", async () => {
  await takeWorkerLock(folder, NOW);
  const held = JSON.parse(await readFile(join(folder, ".worker-1"), "utf8")) as { birth: string };
  const [boot, started] = held.birth.split(" ") as [string, string];
  await writeFile(join(folder, ".worker-1"), JSON.stringify({ ...held, birth: `${boot} ${Number(started) - 1}` }));
  await takeWorkerLock(folder, NOW);
  expect(await locks()).toEqual([".worker-2"]);
});

test("a lock from before the machine's last start does not hold, even if its pid is in use again", async () => {
  const stale = { pid: process.pid, birth: "another-boot 12345", since: "2020-01-01T00:00:00.000Z" };
  await writeFile(join(folder, ".worker-7"), JSON.stringify(stale));
  await takeWorkerLock(folder, NOW);
  expect(await locks()).toEqual([".worker-8"]);
});

test.each(["", "{", "null", '{"pid":"x"}', '{"pid":-1}'])(
  "a lock file that names nobody (%j) does not hold",
  async (text) => {
    await writeFile(join(folder, ".worker-1"), text);
    await takeWorkerLock(folder, NOW);
    expect(await locks()).toEqual([".worker-2"]);
  },
);

test("of many that come at once exactly one gets it", async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => takeWorkerLock(folder, NOW)));
  expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
  expect(await locks()).toHaveLength(1);
});
