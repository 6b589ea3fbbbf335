/** What calls carry to show whose they are: where, to which services, and when told otherwise. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeCrypto } from "@trustix/node-crypto";
import { formatPrivateToken, keyPairOfSeed, openSignedCall, verifyTokenHeader } from "@trustix/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CommandInput } from "../src/command.ts";
import { showToken, type WantedToken } from "../src/show-token.ts";

const crypto = nodeCrypto();
const token = { name: "builder", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(8)) };
const tokens = new Map([[token.name, token]]);
const body = new Uint8Array([1, 2, 3]);
const NOW = 1_700_000_000_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-token-"));
  await writeFile(join(folder, "t"), formatPrivateToken(token), { mode: 0o600 });
});
afterAll(() => rm(folder, { recursive: true }));

function input(flags: readonly string[], env: Record<string, string>): CommandInput {
  return {
    on: (flag: string) => flags.includes(flag),
    io: { env, cwd: folder, uid: 1000, now: () => NOW },
  } as unknown as CommandInput;
}

const SUBMIT = "/trustix_rpc.v1.LogRPC/Submit";
const STATUS = "/trustix_ext.v1.NodeExt/Status";
const HEAD = "/trustix_api.v1.LogAPI/GetHead";
const [TCP, SOCKET] = ["http://node.example:8080", "unix:///run/trustix.socket"];

test.each<[address: string, wanted: WantedToken | undefined, procedure: string, flags: string[], shown: string]>([
  [SOCKET, "writer", SUBMIT, [], "token"],
  [SOCKET, "own", STATUS, [], "token"],
  [SOCKET, undefined, STATUS, [], ""],
  [SOCKET, "writer", SUBMIT, ["replayable-token"], "token"],
  [TCP, "writer", SUBMIT, [], "signed"],
  [TCP, undefined, STATUS, [], "signed"],
  [TCP, "writer", HEAD, [], ""],
  [TCP, undefined, "/trustix_ext.v1.LogExt/GetValues", [], ""],
  [TCP, undefined, "/trustix_api.v1.NodeAPI/Logs", ["replayable-token"], ""],
  [TCP, "writer", SUBMIT, ["replayable-token"], "signed token"],
])("at %s, wanted: %s, %s is shown %j: %s", async (address, wanted, procedure, flags, shown) => {
  const showing = showToken(input(flags, { TRUSTIX_TOKEN: "t" }), address, wanted);
  await showing.ready(procedure.slice(1, procedure.lastIndexOf("/")));
  const headers = showing.headersFor(procedure, { audience: "node.example:8080", body });
  const seen: string[] = [];
  if (headers["Trustix-Signed-Call"] !== undefined) {
    expect(openSignedCall(crypto, tokens, headers["Trustix-Signed-Call"])).toMatchObject({
      procedure,
      audience: "node.example:8080",
      time: NOW,
      bodyDigest: crypto.sha256(body),
    });
    seen.push("signed");
  }
  if (headers["Trustix-Token"] !== undefined) {
    expect(verifyTokenHeader(crypto, tokens, headers["Trustix-Token"], procedure)).toBe("builder");
    seen.push("token");
  }
  expect(seen.join(" ")).toBe(shown);
  expect(showing.path()).toBe(shown === "" ? undefined : "t");
});

test("two calls never have one nonce", async () => {
  const showing = showToken(input([], { TRUSTIX_TOKEN: "t" }), TCP, undefined);
  await showing.ready("trustix_ext.v1.NodeExt");
  const nonces = Array.from({ length: 100 }, () => {
    const headers = showing.headersFor(STATUS, { audience: "a:1", body });
    return Buffer.from(openSignedCall(crypto, tokens, headers["Trustix-Signed-Call"]!).nonce).toString("hex");
  });
  expect(new Set(nonces).size).toBe(100);
});

test("without a token file calls go out without one; a file that is named and cannot be read is told", async () => {
  const nobody = showToken(input([], { HOME: folder }), TCP, "writer");
  await nobody.ready("trustix_rpc.v1.LogRPC");
  expect(nobody.headersFor(SUBMIT, { audience: "a:1", body })).toEqual({});
  const wrong = showToken(input([], { TRUSTIX_TOKEN: "nowhere" }), TCP, undefined);
  await expect(wrong.ready("trustix_rpc.v1.LogRPC")).rejects.toThrow(/the token file nowhere cannot be read/);
  await expect(wrong.ready("trustix_api.v1.LogAPI")).resolves.toBeUndefined();
});
