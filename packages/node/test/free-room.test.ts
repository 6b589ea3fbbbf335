/** How much copies of logs may write. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { roomOnDisk } from "../src/free-room.ts";

test("there is room while enough stays free", async () => {
  expect(await roomOnDisk(tmpdir(), 0)()).toBeUndefined();
});

test("without enough it says how much is free, where, and which setting wants more", async () => {
  expect(await roomOnDisk(tmpdir(), 2 ** 52)()).toMatch(
    new RegExp(
      `^\\d+ MiB are free on the disk of ${tmpdir()}, and 4294967296 MiB are to stay free \\(limits.free-bytes\\)$`,
    ),
  );
});

test("a folder that cannot be asked does not hold up a copy: writing will tell", async () => {
  expect(await roomOnDisk(join(tmpdir(), "nothing", "here"), 2 ** 52)()).toBeUndefined();
});
