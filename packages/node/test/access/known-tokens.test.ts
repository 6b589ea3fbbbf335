/** Whose calls are believed: where tokens come from, and what becomes of changes. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateToken, formatPublicToken, keyPairOfSeed, type PrivateToken } from "@trustix/protocol";
import { nodeCrypto } from "@trustix/node-crypto";
import { expect, test } from "vitest";
import { type Grant, openKnownTokens } from "../../src/access/known-tokens.ts";
import { NodeError } from "../../src/errors.ts";
import type { Role, TokenOrigin, Tokens } from "../../src/model.ts";
import { inFolder } from "../server/test-node.ts";

const crypto = nodeCrypto();
const token = (name: string, seed = name.charCodeAt(0)): PrivateToken => ({
  name,
  ...keyPairOfSeed(crypto, new Uint8Array(32).fill(seed)),
});
const grant = (name: string, role: Role, from: TokenOrigin, seed?: number): Grant => ({
  token: token(name, seed),
  role,
  from,
});
const OWN = [grant("own", "owner", "own"), grant("own", "writer", "own")];
const within = (use: (path: string) => Promise<void>) => inFolder((folder) => use(join(folder, "state", "tokens")));

const names = (tokens: Tokens): string[] =>
  tokens
    .list()
    .map(({ name, roles, from, revoked }) => `${name} ${[...roles].join("+")} ${from}${revoked ? " revoked" : ""}`);

async function refusal(work: Promise<unknown>): Promise<NodeError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NodeError);
  return error as NodeError;
}

test("one token may do what it is granted twice; a name has one key, and who comes first has it", () =>
  within(async (path) => {
    const grants = [
      grant("builder", "writer", "configuration"),
      grant("builder", "peer", "configuration"),
      ...OWN,
      grant("own", "writer", "configuration", 99),
      grant("earth", "peer", "configuration"),
    ];
    const tokens = await openKnownTokens(path, grants);
    expect(names(tokens)).toEqual([
      "builder writer+peer configuration",
      "own owner+writer own",
      "earth peer configuration",
    ]);
    expect(tokens.conflicts()).toEqual(['token "own" (configuration) is not used: another key has its name (own)']);
    expect([tokens.get("__proto__"), tokens.get("nobody")]).toEqual([undefined, undefined]);
    // Nothing that is handed about holds a private half.
    expect(Object.keys(tokens.get("own")!)).not.toContain("seed");
  }));

test("what is added and revoked counts at once and after a restart, in a file for its owner alone", () =>
  within(async (path) => {
    const grants = [grant("a", "writer", "configuration"), ...OWN];
    const tokens = await openKnownTokens(path, grants);
    await tokens.add(token("b"));
    await tokens.add(token("b"));
    await tokens.revoke("a");
    const wanted = ["own owner+writer own", "b writer added", "a  configuration revoked"];
    expect(names(tokens)).toEqual(wanted);
    expect(tokens.get("a")).toBeUndefined();
    expect(names(await openKnownTokens(path, grants))).toEqual(wanted);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, "utf8");
    expect(text.split("\n").slice(1)).toEqual([
      `added ${formatPublicToken(token("b"))}`,
      `revoked ${formatPublicToken(token("a"))}`,
      "",
    ]);
    expect(text).not.toContain(Buffer.from(token("b").seed).toString("base64").slice(0, 20));

    await tokens.revoke("b");
    await tokens.add(token("a"));
    expect(names(tokens)).toEqual(["a writer configuration", "own owner+writer own"]);
    expect(names(await openKnownTokens(path, grants))).toEqual(names(tokens));
  }));

test("a key is rotated by revoking the old one: only that key stays refused", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, [grant("a", "writer", "configuration"), ...OWN]);
    expect(await refusal(tokens.add(token("a", 77)))).toMatchObject({
      code: "invalid_argument",
      message: 'token "a" is known with another key',
      hint: expect.stringMatching(/revoke/),
    });
    await tokens.revoke("a");
    await tokens.add(token("a", 77));
    expect(names(tokens)).toEqual(["own owner+writer own", "a writer added", "a  configuration revoked"]);
    expect(tokens.get("a")!.publicKey).toEqual(token("a", 77).publicKey);
    // The new key arrives in the configuration later.
    await tokens.reload([grant("a", "writer", "configuration", 77), ...OWN]);
    expect(names(tokens)).toEqual(["a writer configuration", "own owner+writer own"]);
  }));

test("the node's own token is not revoked by a call, nor one that nobody knows", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, OWN);
    expect(await refusal(tokens.revoke("own"))).toMatchObject({
      code: "invalid_argument",
      hint: expect.stringMatching(/SIGHUP/),
    });
    expect(await refusal(tokens.revoke("nobody"))).toMatchObject({ code: "not_found" });
    expect(names(tokens)).toEqual(["own owner+writer own"]);
  }));

test("a peer's token that is added may write as well, and revoked may do nothing", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, [grant("earth", "peer", "configuration"), ...OWN]);
    await tokens.add(token("earth"));
    expect([...tokens.get("earth")!.roles]).toEqual(["peer", "writer"]);
    await tokens.revoke("earth");
    expect(tokens.get("earth")).toBeUndefined();
  }));

test("changes made at the same time all count, in their order", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, OWN);
    const many = Array.from({ length: 20 }, (_, i) => token(`t${i}`, i));
    await Promise.all([...many.map((one) => tokens.add(one)), tokens.revoke("t3")]);
    expect(tokens.list()).toHaveLength(20);
    expect((await openKnownTokens(path, OWN)).list()).toHaveLength(20);
  }));

test("a reload reads the file again; a bad one changes nothing", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, OWN);
    await tokens.add(token("a"));
    await writeFile(path, `# by hand\n\nadded ${formatPublicToken(token("c"))}\n`);
    await tokens.reload(OWN);
    expect(names(tokens)).toEqual(["own owner+writer own", "c writer added"]);
    await writeFile(path, "added nonsense\n");
    expect((await refusal(tokens.reload([]))).code).toBe("bad_config");
    expect(names(tokens)).toEqual(["own owner+writer own", "c writer added"]);
  }));

const secret = formatPrivateToken(token("s"));
test.each([
  ["a private half", `added ${secret}`, /line 1: "name:base64" of a 32-byte public key wanted/],
  ["another word", "trusted a:AAAA", /line 1: "added" or "revoked" and a public token wanted/],
  ["no token", "# x\nadded", /line 2: "added" or "revoked"/],
  ["too many tokens", `added ${formatPublicToken(token("a"))}\n`.repeat(1001), /more than 1000 tokens came/],
  ["too many bytes", "#".repeat((1 << 20) + 1), /more than 1048576 bytes came/],
])("a list with %s is refused, and shows no secret", (_what, text, message) =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, OWN);
    await tokens.add(token("a"));
    await writeFile(path, text);
    const error = await refusal(openKnownTokens(path, OWN));
    expect(error).toMatchObject({ code: "bad_config", message: expect.stringMatching(message) });
    expect(`${error.message} ${error.hint}`).not.toContain(secret.slice(2, 20));
  }),
);

test("when the list is full the next change is refused and nothing is lost", () =>
  within(async (path) => {
    const tokens = await openKnownTokens(path, OWN);
    await tokens.add(token("a"));
    const lines = Array.from({ length: 1000 }, (_, i) => `added ${formatPublicToken(token(`t${i}`, i % 250))}\n`);
    await writeFile(path, lines.join(""));
    await tokens.reload(OWN);
    expect((await refusal(tokens.add(token("one more")))).code).toBe("too_large");
    expect((await openKnownTokens(path, OWN)).list()).toHaveLength(1001);
  }));
