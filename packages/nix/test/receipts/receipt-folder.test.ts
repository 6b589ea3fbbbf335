/** Receipts on disk: private, one a path, written once a verdict, rotated, and never anybody's trouble. */
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toHex } from "@trustix/crypto";
import { baseNameOf, storePathOfBaseName, type StorePath } from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { FakeClock, receiptExample } from "@trustix/testkit";
import { openReceiptFolder, type MadeReceipt, type ReceiptFolder, type ReceiptFolderOptions } from "../../src/index.ts";

const DAY = 86_400_000;
const example = receiptExample();
const { verdict } = example.receipt;
const DECIDED: MadeReceipt = {
  verdict: verdict.decided ? toHex(verdict.digest) : "",
  file: example.file,
};
const undecidedBytes = (text: string): MadeReceipt => ({ verdict: "undecided", file: Buffer.from(text) });

let place: string;
let folder: string;
let clock: FakeClock;
let warnings: string[];
const open: ReceiptFolder[] = [];
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "receipts-"));
  folder = join(place, "state", "receipts");
  clock = new FakeClock(Date.now());
  warnings = [];
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await chmod(folder, 0o700).catch(() => undefined);
  await rm(place, { recursive: true });
});

function opened(change: Partial<ReceiptFolderOptions> = {}): ReceiptFolder {
  const receipts = openReceiptFolder({
    crypto: nodeCrypto(),
    clock,
    log: { warn: (_fields, message) => void warnings.push(message) },
    folder,
    maxAgeMs: 30 * DAY,
    maxBytes: 1 << 20,
    uid: process.getuid?.(),
    ...change,
  });
  open.push(receipts);
  return receipts;
}

const path = (n: number): StorePath => storePathOfBaseName(`${String(n).padStart(32, "0")}-hello`);
const fileOf = (one: StorePath) => join(folder, `${baseNameOf(one)}.receipt`);
const modeOf = async (at: string) => (await stat(at)).mode & 0o777;

test("a receipt is a file of its own that only its owner can read, in a folder of the same kind", async () => {
  const receipts = opened();
  receipts.keep(path(1), DECIDED);
  await receipts.close();
  expect(await modeOf(folder)).toBe(0o700);
  expect(await modeOf(fileOf(path(1)))).toBe(0o600);
  expect(new Uint8Array(await readFile(fileOf(path(1))))).toEqual(new Uint8Array(DECIDED.file));
  expect(await readdir(folder)).toEqual([`${baseNameOf(path(1))}.receipt`]);
  expect((await receipts.kept(path(1)))?.file).toEqual(new Uint8Array(DECIDED.file));
  expect(await receipts.kept(path(2))).toBeUndefined();
});

test("a verdict is written once, whatever comes again, also after a restart", async () => {
  const first = opened();
  for (let i = 0; i < 3; i++) first.keep(path(1), { ...DECIDED, file: Buffer.concat([DECIDED.file]) });
  await first.close();
  expect(first.status().results).toMatchObject({ written: 1, same: 2 });
  const written = (await stat(fileOf(path(1)))).ino;

  const second = opened();
  // Another receipt of the same verdict: made under later heads.
  second.keep(path(1), { verdict: DECIDED.verdict, file: receiptExample({ maxHeadAgeMs: 1000 }).file });
  await second.close();
  expect(second.status().results).toMatchObject({ written: 0, same: 1 });
  expect((await stat(fileOf(path(1)))).ino).toBe(written);
});

test("another verdict takes the place of the first", async () => {
  const receipts = opened();
  receipts.keep(path(1), undecidedBytes("let through"));
  receipts.keep(path(1), DECIDED);
  await receipts.close();
  expect(receipts.status()).toMatchObject({ files: 1, bytes: DECIDED.file.length, results: { written: 2 } });
  expect((await receipts.kept(path(1)))?.file).toEqual(new Uint8Array(DECIDED.file));
});

test("a damaged file is written anew", async () => {
  const first = opened();
  first.keep(path(1), DECIDED);
  await first.close();
  await writeFile(fileOf(path(1)), DECIDED.file.subarray(0, 100));
  const second = opened();
  second.keep(path(1), DECIDED);
  await second.close();
  expect((await second.kept(path(1)))?.file).toEqual(new Uint8Array(DECIDED.file));
});

describe("rotation", () => {
  test("the oldest go when all take too much", async () => {
    const receipts = opened({ maxBytes: 2500 });
    for (let i = 0; i < 5; i++) receipts.keep(path(i), undecidedBytes("x".repeat(1000)));
    await receipts.close();
    expect((await readdir(folder)).sort()).toEqual([3, 4].map((i) => `${baseNameOf(path(i))}.receipt`));
    expect(receipts.status()).toMatchObject({ files: 2, bytes: 2000 });
  });

  test("also those that were there before, by their age", async () => {
    const first = opened();
    for (let i = 0; i < 5; i++) first.keep(path(i), undecidedBytes("x".repeat(1000)));
    await first.close();
    await utimes(fileOf(path(4)), new Date(clock.now() - DAY), new Date(clock.now() - DAY));
    const second = opened({ maxBytes: 4000 });
    await second.close();
    expect((await readdir(folder)).sort()).toEqual([0, 1, 2, 3].map((i) => `${baseNameOf(path(i))}.receipt`));
  });

  test("each goes when it is too old, within the hour", async () => {
    const receipts = opened({ maxAgeMs: DAY });
    receipts.keep(path(1), undecidedBytes("old"));
    await expect.poll(() => receipts.status().results.written).toBe(1);
    await clock.advance(DAY / 2);
    receipts.keep(path(2), undecidedBytes("young"));
    await expect.poll(() => receipts.status().results.written).toBe(2);
    await clock.advance(DAY / 2 + 3_600_000);
    await expect.poll(() => readdir(folder)).toEqual([`${baseNameOf(path(2))}.receipt`]);
    // What is gone is written again when it is served again.
    receipts.keep(path(1), undecidedBytes("old"));
    await expect.poll(() => receipts.status().results.written).toBe(3);
  });

  test("what is not a receipt's file is left alone, what a crash left half written is removed", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "notes.txt"), "mine");
    await writeFile(join(folder, ".aside-1234"), "half");
    await symlink("/etc/passwd", join(folder, `${baseNameOf(path(1))}.receipt`));
    const receipts = opened({ maxBytes: 1 });
    receipts.keep(path(2), undecidedBytes("xx"));
    await receipts.close();
    expect((await readdir(folder)).sort()).toEqual([`${baseNameOf(path(1))}.receipt`, "notes.txt"]);
    expect(await receipts.kept(path(1))).toBeUndefined();
  });
});

describe("what goes wrong costs nobody anything", () => {
  test("a folder that cannot be made is one warning, and all goes on when it can", async () => {
    await writeFile(join(place, "state"), "in the way");
    const receipts = opened();
    for (let i = 0; i < 20; i++) receipts.keep(path(i), DECIDED);
    await expect.poll(() => receipts.status().results.failed).toBeGreaterThanOrEqual(20);
    expect(warnings).toEqual([expect.stringMatching(/^receipts are not kept, all else goes on: /)]);
    expect(receipts.status().why).toMatch(/state/);
    await rm(join(place, "state"));
    receipts.keep(path(1), DECIDED);
    await receipts.close();
    expect(receipts.status()).toMatchObject({ files: 1, why: undefined });
    expect(await lstat(fileOf(path(1)))).toBeDefined();
  });

  test("a folder that was removed meanwhile is made again", async () => {
    const receipts = opened();
    receipts.keep(path(1), DECIDED);
    await expect.poll(() => receipts.status().results.written).toBe(1);
    await rm(folder, { recursive: true });
    receipts.keep(path(2), DECIDED);
    await expect.poll(() => receipts.status().results.written).toBe(2);
    // And that the first is gone is known by then.
    receipts.keep(path(1), DECIDED);
    await receipts.close();
    expect((await readdir(folder)).length).toBe(2);
    expect(receipts.status().results.failed).toBe(0);
  });

  test("more than may wait is dropped and counted", async () => {
    const receipts = opened({ maxBytes: 1 << 30 });
    for (let i = 0; i < 9; i++) receipts.keep(path(i), { verdict: "undecided", file: Buffer.alloc(4 << 20) });
    await receipts.close();
    expect(receipts.status().results).toMatchObject({ written: 8, dropped: 1 });
    expect(warnings).toEqual([expect.stringMatching(/too many came at once/)]);
  });

  test("a folder that others could read is taken back, one that is somebody else's is not used", async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const receipts = opened();
    receipts.keep(path(1), DECIDED);
    await receipts.close();
    expect(await modeOf(folder)).toBe(0o700);
    const other = opened({ uid: 12_345 });
    other.keep(path(2), DECIDED);
    await other.close();
    expect(other.status()).toMatchObject({ files: 0, why: expect.stringMatching(/belongs to user \d+, not to 12345/) });
  });

  test("a link is no folder", async () => {
    const elsewhere = join(place, "elsewhere");
    await mkdir(elsewhere);
    await mkdir(join(place, "state"));
    await symlink(elsewhere, folder);
    const receipts = opened();
    receipts.keep(path(1), DECIDED);
    await receipts.close();
    expect(await readdir(elsewhere)).toEqual([]);
    expect(receipts.status().why).toMatch(/is no folder/);
    await rm(folder);
  });
});
