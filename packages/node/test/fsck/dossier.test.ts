/** What is kept of voters beside their claims. */
import { concatBytes, fromHex, utf8 } from "@trustix/crypto";
import type { LogId } from "@trustix/protocol";
import { type Store, openMemoryStore } from "@trustix/storage";
import { beforeEach, expect, test } from "vitest";
import { fsckStore } from "../../src/fsck/fsck-store.ts";
import { exclusionKey, overrideKey, secondAnswerKey } from "../../src/logs/keys.ts";
import { DossierStore } from "../../src/standing/dossier-store.ts";
import { crypto } from "../publisher/test-log.ts";

const voter = "ab".repeat(32) as LogId;
const other = fromHex("cd".repeat(32));
const path = crypto.sha256(utf8("/nix/store/x"));
let store: Store;

beforeEach(async () => {
  store = openMemoryStore();
  const dossier = await DossierStore.open(store);
  await dossier.addOverride({ voter, kind: "exclude", reason: "their disk is broken", at: 1 });
  await dossier.addOverride({ voter, kind: "pardon", reason: "it is mended", at: 2 });
  await dossier.addExclusion({ voter, reason: "stood alone on 12 packages", at: 3 });
  await dossier.addSecondAnswer({ voter, key: "/nix/store/x", at: 4 }, path);
});

const problems = async (): Promise<string[]> =>
  (await fsckStore(store, { crypto, logs: [] })).problems.map(({ kind, message }) => `${kind}: ${message}`);

test("what the node keeps of voters is sound", async () => {
  expect(await problems()).toEqual([]);
});

const json = (fields: object): Uint8Array => utf8(JSON.stringify(fields));

test.each([
  {
    what: "an override that is no JSON",
    key: overrideKey(0),
    value: utf8("{"),
    wanted: /^unreadable: what the user said/,
  },
  {
    what: "an override without its kind",
    key: overrideKey(1),
    value: json({ voter, reason: "x", at: 1 }),
    wanted: /^unreadable: what the user said of a voter: .* kind undefined/,
  },
  {
    what: "an override of nobody",
    key: overrideKey(1),
    value: json({ voter: "x", kind: "pardon", reason: "x", at: 1 }),
    wanted: /^unreadable: what the user said/,
  },
  {
    what: "a lost override",
    key: overrideKey(0),
    value: undefined,
    wanted: /^wrong: what the user said .*another's key/,
  },
  {
    what: "an exclusion without a time",
    key: exclusionKey(fromHex(voter)),
    value: json({ voter, reason: "x" }),
    wanted: /^unreadable: the exclusion of a voter: .* time undefined/,
  },
  {
    what: "an exclusion under another's key",
    key: exclusionKey(other),
    value: json({ voter, reason: "x", at: 1 }),
    wanted: /^wrong: the exclusion of a voter lies under another's key/,
  },
  {
    what: "a second answer for another key",
    key: secondAnswerKey(fromHex(voter), path),
    value: json({ voter, key: "/nix/store/y", at: 1 }),
    wanted: /^wrong: a second answer lies under another's key/,
  },
  {
    what: "a record of unknown kind",
    key: concatBytes(Uint8Array.of(0x60, 0x7a), path),
    value: json({}),
    wanted: /^surplus: a record that belongs to no log/,
  },
])("$what is found", async ({ key, value, wanted }) => {
  await store.write([[key, value]]);
  expect(await problems()).toContainEqual(expect.stringMatching(wanted));
});
