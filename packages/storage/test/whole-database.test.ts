/**
 * A folder that holds a part of a store. The engine takes one without `CURRENT` for an empty one and removes the rest:
 * a publisher's whole log was once found "sound: 0 values", and gone.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEmbeddedStore } from "../src/index.ts";

const KEY = Buffer.from("k");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-store-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A store with a table and a log. */
async function made(): Promise<void> {
  const store = await openEmbeddedStore(folder);
  await store.write([[KEY, Buffer.from("v")]]);
  await store.compact();
  await store.write([[Buffer.from("l"), Buffer.from("w")]]);
  await store.close();
}

const remove = async (pattern: RegExp): Promise<void> => {
  for (const name of await readdir(folder)) if (pattern.test(name)) await rm(join(folder, name));
};

async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "hex")])),
  );
}

test.each([
  { what: "CURRENT missing", damage: () => remove(/^CURRENT$/), why: "CURRENT is missing" },
  {
    what: "CURRENT and the manifest missing",
    damage: () => remove(/^(CURRENT|MANIFEST.*)$/),
    why: "CURRENT is missing",
  },
  { what: "only its table left", damage: () => remove(/^(CURRENT|MANIFEST.*|.*\.log)$/), why: "CURRENT is missing" },
  { what: "only its log left", damage: () => remove(/^(CURRENT|MANIFEST.*|.*\.ldb)$/), why: "CURRENT is missing" },
  { what: "only its manifest left", damage: () => remove(/^(CURRENT|.*\.log|.*\.ldb)$/), why: "CURRENT is missing" },
  { what: "CURRENT empty", damage: () => writeFile(join(folder, "CURRENT"), ""), why: 'CURRENT is damaged: "" came' },
  {
    what: "CURRENT naming what is no manifest",
    damage: () => writeFile(join(folder, "CURRENT"), "../../elsewhere\n"),
    why: "CURRENT is damaged",
  },
  {
    what: "CURRENT naming a manifest that is not there",
    damage: () => writeFile(join(folder, "CURRENT"), "MANIFEST-000099\n"),
    why: "MANIFEST-000099, which CURRENT names, is missing",
  },
  { what: "its manifest missing", damage: () => remove(/^MANIFEST/), why: "which CURRENT names, is missing" },
  {
    what: "its log missing",
    damage: () => remove(/\.log$/),
    why: "the log of the newest writes (NUMBER.log) is missing",
  },
])("a store with $what is refused, and left as it is", async ({ damage, why }) => {
  await made();
  await damage();
  const before = await contents();
  for (const mustExist of [false, true]) {
    const refused = openEmbeddedStore(folder, { mustExist });
    await expect(refused).rejects.toMatchObject({ name: "StorageError", code: "corrupt" });
    await expect(refused).rejects.toThrow(`state folder ${folder}: `);
    await expect(refused).rejects.toThrow(why);
    await expect(refused).rejects.toThrow("nothing was changed");
  }
  expect(await contents()).toEqual(before);
});

test("a store whose missing file is put back is as it was", async () => {
  await made();
  const current = await readFile(join(folder, "CURRENT"));
  await remove(/^CURRENT$/);
  await expect(openEmbeddedStore(folder)).rejects.toMatchObject({ code: "corrupt" });
  await writeFile(join(folder, "CURRENT"), current);
  const store = await openEmbeddedStore(folder, { mustExist: true });
  expect(await store.getMany([KEY, Buffer.from("l")])).toEqual([Buffer.from("v"), Buffer.from("w")].map(plain));
  await store.close();
});

test.each([
  { what: "an empty folder", prepare: async () => undefined },
  { what: "a folder with files of others", prepare: () => writeFile(join(folder, "notes.txt"), "") },
  // Killed before its first store was whole: nothing was ever written.
  { what: "a store whose making was cut off", prepare: () => writeFile(join(folder, "MANIFEST-000001"), "") },
])("$what becomes a store, but not for whoever only reads", async ({ prepare }) => {
  await prepare();
  const before = await contents();
  await expect(openEmbeddedStore(folder, { mustExist: true })).rejects.toMatchObject({ code: "missing" });
  expect(await contents()).toEqual(before);
  await (await openEmbeddedStore(folder)).close();
  await (await openEmbeddedStore(folder, { mustExist: true })).close();
});

test("whoever only reads makes no folder", async () => {
  const nowhere = join(folder, "deep/inside");
  await expect(openEmbeddedStore(nowhere, { mustExist: true })).rejects.toMatchObject({ code: "missing" });
  await expect(stat(join(folder, "deep"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a CURRENT that cannot be read is a failure of the disk, not a store to be made", async () => {
  await mkdir(join(folder, "CURRENT"));
  await expect(openEmbeddedStore(folder)).rejects.toMatchObject({ code: "io" });
  expect(await readdir(folder)).toEqual(["CURRENT"]);
});

/** The engine gives no Buffers. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
