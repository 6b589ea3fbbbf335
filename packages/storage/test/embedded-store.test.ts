import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEmbeddedStore } from "../src/index.ts";

let folder: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-store-"));
});

afterEach(async () => {
  for (const child of children) await kill(child);
  children = [];
  await rm(folder, { recursive: true, force: true });
});

/** A second process on `folder`; resolves once it holds the store. `lines` collects what it says. */
async function hold(mode: "hold" | "write" | "retry"): Promise<{ child: ChildProcess; lines: string[] }> {
  const command = [process.execPath, join(import.meta.dirname, "hold-folder.ts"), folder, mode];
  // Files may grow to 256 KiB in `retry`: the nearest to a full disk that needs no privileges.
  const limit = mode === "retry" ? "trap '' XFSZ; ulimit -S -f 512; " : "";
  const child = spawn("sh", ["-c", `${limit}exec "$@"`, "sh", ...command], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the second process ended before it held the store")));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      lines.push(line);
      resolve();
    });
  });
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

test("a second process on the same folder is refused with the holder's pid and the folder", async () => {
  const { child } = await hold("hold");
  const refused = openEmbeddedStore(folder);
  await expect(refused).rejects.toMatchObject({ name: "StorageError", code: "locked" });
  await expect(refused).rejects.toThrow(`state folder ${folder} is in use by pid ${child.pid} since 2`);
});

test("what a killed process left is taken over", async () => {
  const { child } = await hold("hold");
  await kill(child);
  expect(JSON.parse(await readFile(join(folder, "owner.json"), "utf8"))).toMatchObject({ pid: child.pid });
  const store = await openEmbeddedStore(folder);
  expect(JSON.parse(await readFile(join(folder, "owner.json"), "utf8"))).toMatchObject({ pid: process.pid });
  await store.close();
  await expect(stat(join(folder, "owner.json"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a second opening in one process is refused, and does not disturb the first", async () => {
  const store = await openEmbeddedStore(folder);
  await expect(openEmbeddedStore(folder)).rejects.toThrow(`in use by this process (pid ${process.pid})`);
  await store.write([[Buffer.from("k"), Buffer.from("v")]]);
  await store.close();
});

test.each(["", "{", "null", '{"pid":-1,"since":0,"started":""}', '{"pid":1,"since":1e99,"started":"x"}'])(
  "an owner file that reads %j names nobody and stops nobody",
  async (content) => {
    const store = await openEmbeddedStore(folder);
    await writeFile(join(folder, "owner.json"), content);
    await expect(openEmbeddedStore(folder)).rejects.toThrow("in use by another process that has not named itself yet");
    await store.close();
    await writeFile(join(folder, "owner.json"), content);
    await (await openEmbeddedStore(folder)).close();
  },
);

test("the folder is made or kept readable by its owner only", async () => {
  await chmod(folder, 0o755);
  await (await openEmbeddedStore(folder)).close();
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  await (await openEmbeddedStore(join(folder, "deep/inside"))).close();
  expect((await stat(join(folder, "deep/inside"))).mode & 0o777).toBe(0o700);
});

test("a folder that cannot be a store says which and why", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(openEmbeddedStore(join(folder, "file"))).rejects.toMatchObject({ code: "io" });
  await writeFile(join(folder, "CURRENT"), "nonsense\n");
  await expect(openEmbeddedStore(folder)).rejects.toMatchObject({ name: "StorageError" });
  await expect(openEmbeddedStore(folder)).rejects.toThrow(folder);
});

test("batches that a killed process had acknowledged are whole, later ones whole or absent", async () => {
  const { child, lines } = await hold("write");
  while (lines.length < 200) await new Promise((resolve) => setTimeout(resolve, 5));
  await kill(child);
  const acknowledged = lines.length - 2;
  const store = await openEmbeddedStore(folder);
  const numbers = Array.from({ length: acknowledged + 50 }, (_, i) => i);
  const found = await Promise.all(["a", "b"].map((side) => store.getMany(numbers.map((i) => Buffer.from(side + i)))));
  for (const i of numbers) {
    expect(found[0]![i] === undefined).toBe(found[1]![i] === undefined);
    if (i <= acknowledged) expect(found[0]![i]).toEqual(new Uint8Array(2000).fill(i));
  }
  await store.close();
});

test("what was written is there after closing and opening, compacted or not", async () => {
  let store = await openEmbeddedStore(folder);
  await store.write(Array.from({ length: 3000 }, (_, i) => [Buffer.from(`k${i}`), Buffer.alloc(100, i)] as const));
  await store.close();
  store = await openEmbeddedStore(folder, { cacheBytes: 1 << 20, writeBufferBytes: 1 << 20 });
  await store.compact();
  expect(await store.getMany([Buffer.from("k2999")])).toEqual([new Uint8Array(100).fill(2999)]);
  await store.close();
});

test("after a write failed for want of space in its file, the store goes on in a new one and has lost nothing", async () => {
  const { child, lines } = await hold("retry");
  const said = async (line: string): Promise<void> => {
    while (!lines.includes(line)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await said("failed io");
  await said("recovered");
  await kill(child);
  const acknowledged = lines.filter((line) => /^[0-9]+$/.test(line)).map(Number);
  const store = await openEmbeddedStore(folder);
  const found = await store.getMany(acknowledged.map((i) => Buffer.from(`a${i}`)));
  expect(found).toEqual(acknowledged.map((i) => new Uint8Array(2000).fill(i)));
  expect(lines.slice(lines.indexOf("failed io")).some((line) => /^[0-9]+$/.test(line))).toBe(true);
  await store.close();
});
