/** `trustix fsck` before a state that is not whole, not there, or not one's own: it says so and makes nothing. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedStore } from "@trustix/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "./transcript.ts";

let home: string;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), "trustix-fsck-"))));
afterEach(() => rm(home, { recursive: true, force: true }));

async function fsck(): Promise<{ exit: number; out: string; err: string }> {
  const { exit, stdout, stderr } = await runCommand("trustix fsck --state state", { cwd: home, env: { HOME: home } });
  return { exit, out: stdout.join("\n"), err: stderr.join("\n") };
}

test("a store without its CURRENT is found damaged, and left as it is", async () => {
  const folder = join(home, "state/store");
  const store = await openEmbeddedStore(folder);
  await store.write([[Buffer.from("k"), Buffer.from("v")]]);
  await store.compact();
  await store.close();
  await rm(join(folder, "CURRENT"));
  const before = await readdir(folder);
  const said = await fsck();
  expect(said).toMatchObject({ exit: 3, out: "" });
  expect(said.err).toContain(`state folder ${folder}: the store's other files are there, but CURRENT is missing`);
  expect(said.err).toMatch(/hint: keep a copy of the folder; restore a backup/);
  expect(await readdir(folder)).toEqual(before);
});

test.each(["nothing", "an empty state folder", "an empty folder for the store"])("%s is no state", async (what) => {
  if (what !== "nothing")
    await mkdir(join(home, what.includes("store") ? "state/store" : "state"), { recursive: true });
  const before = await readdir(home, { recursive: true });
  expect(await fsck()).toEqual({
    exit: 1,
    out: "",
    err:
      `trustix: error: ${home}/state holds no state of a node: there is no store in ${home}/state/store\n` +
      "trustix: hint: --state names the folder that the daemon was given",
  });
  expect(await readdir(home, { recursive: true })).toEqual(before);
});
