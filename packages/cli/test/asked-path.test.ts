/** What a person may name a store path by. */
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex, utf8 } from "@trustix/crypto";
import { hashPartBytes } from "@trustix/nix-formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askedPath } from "../src/asked-path.ts";
import type { Connection } from "../src/connect.ts";

const HASH = "jhljligxal6sqbs1rh1h7gpzas9xhxy9";
const PATH = `/nix/store/${HASH}-rocket-1.0`;
const TWICE = "0".repeat(32);
const EXAMPLE = "for example /nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "trustix-asked-"));
  await symlink(PATH, join(cwd, "result"));
  await symlink(`${PATH}/bin/rocket`, join(cwd, "rocket"));
});
afterAll(() => rm(cwd, { recursive: true }));

/** A node that knows one path with one hash part, and two with another. */
const known = new Map([
  [toHex(hashPartBytes(HASH)), [PATH, `/other/store/${HASH}-rocket-1.0`]],
  [toHex(hashPartBytes(TWICE)), [`/nix/store/${TWICE}-a`, `/nix/store/${TWICE}-b`]],
]);
const node = {
  call: async (_: unknown, { HashPart }: { HashPart: Uint8Array }) => ({
    Paths: (known.get(toHex(HashPart)) ?? []).map((path) => utf8(path)),
  }),
} as unknown as Pick<Connection, "call">;

async function asked(named: string): Promise<[path: string, ...notes: string[]]> {
  const notes: string[] = [];
  return [await askedPath(named, node, { cwd, note: (line: string) => notes.push(line) }), ...notes];
}

test("a store path is taken as it is, and anything that leads to one as that one, which is said", async () => {
  expect(await asked(PATH)).toEqual([PATH]);
  for (const named of [`${PATH}/bin/rocket`, `${PATH}/`, `${HASH}-rocket-1.0`, HASH, "./result", "result", "rocket"]) {
    expect(await asked(named)).toEqual([PATH, `trustix: ${named} is taken as ${PATH}`]);
  }
});

test("what names no store path is wrong usage, with an example of what would", async () => {
  const table: [named: string, says: string, hint: string][] = [
    ["./foo", "./foo: a store path or a link to one wanted", EXAMPLE],
    ["616263", '"616263" came, 32 nix32 characters', EXAMPLE],
    ["/nix/store", "/nix/store: a store path or a link to one wanted", EXAMPLE],
    ["/nix/store/short-name", '"short-name" came', EXAMPLE],
    ["", '"" came', EXAMPLE],
    ["1".repeat(32), "no log that is here has a path with this hash part", "name the whole store path"],
    [TWICE, "more than one path has this hash part", `name one: /nix/store/${TWICE}-a, /nix/store/${TWICE}-b`],
  ];
  for (const [named, says, hint] of table) {
    await expect(asked(named)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(says) as unknown,
      hint: expect.stringContaining(hint) as unknown,
    });
  }
});
