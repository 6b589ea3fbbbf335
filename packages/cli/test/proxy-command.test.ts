/** The proxy as a process, and what it asks the node. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { create } from "@bufbuild/protobuf";
import { httpTransport, RpcError } from "@trustix/client";
import { toHex, utf8 } from "@trustix/crypto";
import {
  formatSecretCacheKey,
  formatSriHash,
  parseStorePath,
  printNarInfo,
  sha256Hash,
  signFacts,
  type SignedFacts,
} from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { ExplainResponse_Modes, NodeExt, VoterAnswer_Shown } from "@trustix/proto";
import { encodeNixValue, voteToWire, type LogId } from "@trustix/protocol";
import { askDecisions } from "../src/ask-decisions.ts";
import type { Connection } from "../src/connect.ts";
import { CLAIM, fakeState, RECEIPT, startFakeNode } from "./fake-node.ts";

const OPTIONS = { clock: Date, receipts: false, budgetMs: 0, waitMs: 0, cacheKeys: new Map() };

let home: string;
let node: Server;
const keyText = (): string => {
  const seed = new Uint8Array(32).fill(8);
  return formatSecretCacheKey({ name: "my-proxy-1", seed, publicKey: nodeCrypto().ed25519PublicKey(seed) });
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-cli-"));
  node = await startFakeNode(join(home, "node.socket"));
  await writeFile(join(home, "proxy.key"), keyText(), { mode: 0o600 });
});
afterAll(async () => {
  node.closeAllConnections();
  await new Promise((resolve) => node.close(resolve));
  await rm(home, { recursive: true });
});

async function connected<T>(use: (node: Connection) => Promise<T>): Promise<T> {
  const transport = httpTransport(`unix://${home}/node.socket`);
  try {
    return await use({
      address: transport.url,
      transport,
      call: (method, message, signal) => transport.unary(method, message, { signal }),
    });
  } finally {
    await transport.close();
  }
}

test("a decision comes with the names of voters and what each said", async () => {
  await connected(async (connection) => {
    const source = askDecisions(connection, OPTIONS);
    const path = new TextDecoder().decode(CLAIM.key);
    const decided = await source.decide(path, AbortSignal.timeout(5000));
    expect(decided).toMatchObject({ state: "decided", value: new Uint8Array(CLAIM.value), mode: "enforce" });
    expect(decided.votes.map(({ voter, outcome, reason }) => [voter, outcome, reason])).toEqual([
      ["mine", "claims", ""],
      ["saturn", "excluded", "it stood alone on 40 packages"],
      ["pluto", "unreachable", "connection refused"],
    ]);
    expect(decided.receipt).toBeUndefined();
    const undecided = await source.decide("/nix/store/other", AbortSignal.timeout(5000));
    expect(undecided).toMatchObject({ state: "undecided", reason: /^1 of 3 agree, 2 needed/ });
    const withReceipt = askDecisions(connection, { ...OPTIONS, receipts: true });
    expect((await withReceipt.decide(path, AbortSignal.timeout(5000))).receipt).toEqual(RECEIPT.file);
  });
});

test("a generation lasts as long as the node's own does, also while the node is away", async () => {
  await connected(async (connection) => {
    const source = askDecisions(connection, { ...OPTIONS, clock: { now: () => 7 } });
    expect(source.state()).toEqual({ state: "not asked yet" });
    await source.refresh();
    expect(source.state()).toEqual({ state: "answers" });
    const first = source.generation();
    await source.refresh();
    expect(source.generation()).toBe(first);
    fakeState.generation = "start 1";
    await source.refresh();
    fakeState.generation = "start 0";
    const second = source.generation();
    expect(second).not.toBe(first);
    await connection.transport.close();
    await source.refresh();
    expect(source.generation()).toBe(second);
    expect(source.state()).toEqual({ state: "away", since: 7, why: expect.stringMatching(/./) });
  });
});

test("the proxy answers until it is told to end, and then ends well", { timeout: 20_000 }, async () => {
  const flags = ["--privkey", join(home, "proxy.key"), "--listen", "127.0.0.1:0"];
  const source = join(import.meta.dirname, "../src/trustix-nix.ts");
  const child = spawn(process.execPath, [source, "binary-cache-proxy", ...flags], {
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      XDG_CONFIG_HOME: home,
      TRUSTIX_RPC: `unix://${home}/node.socket`,
      CONFIGURATION_DIRECTORY: home,
      STATE_DIRECTORY: home,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  const address = new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      const found = /"address":"([^"]+)"/.exec(stderr)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(stderr)));
  });
  const url = `http://${await address}`;
  expect(await (await fetch(`${url}/nix-cache-info`)).text()).toContain("StoreDir: /nix/store");
  const unknown = await fetch(`${url}/${"0".repeat(32)}.narinfo`);
  expect(unknown.status).toBe(404);
  expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({
    status: "ok",
    decider: { state: "answers" },
    receipts: { files: 0 },
  });
  expect((await stat(join(home, "receipts"))).mode & 0o777).toBe(0o700);
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
});

/** A node that is asked by a function. */
function nodeThat(answer: (request: { Wait?: boolean; WithReceipt?: boolean }, moreMs: number) => object): Connection {
  return {
    address: "",
    transport: undefined as never,
    call: (async (_method: unknown, request: object, _signal: unknown, moreMs = 0) => answer(request, moreMs)) as never,
  };
}

const PATH = "/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0";
const explained = (fields: object) => create(NodeExt.method.explain.output, { Reason: "so", Time: 1000n, ...fields });
const never = new AbortController().signal;

test("a receipt that cannot be made just now costs nobody the decision", async () => {
  const asked: unknown[] = [];
  const node = nodeThat(({ WithReceipt }) => {
    asked.push(WithReceipt);
    if (WithReceipt) throw new RpcError("unavailable", "its head changed meanwhile", { origin: "server" });
    return explained({});
  });
  const source = askDecisions(node, { ...OPTIONS, receipts: true });
  expect(await source.decide(PATH, never)).toMatchObject({ state: "undecided", reason: "so", receipt: undefined });
  expect(asked).toEqual([true, false]);
  const away = nodeThat(() => {
    throw new RpcError("unavailable", "connection refused", { origin: "network" });
  });
  await expect(askDecisions(away, { ...OPTIONS, receipts: true }).decide(PATH, never)).rejects.toThrow("refused");
});

test("what is undecided is waited for in several calls, where one may not take so long", async () => {
  let now = 0;
  const asked: unknown[] = [];
  const node = nodeThat(({ Wait }, moreMs) => {
    asked.push([Wait, moreMs]);
    now += 25_000;
    return explained(asked.length === 3 ? { Decided: true, Digest: new Uint8Array(32), Value: CLAIM.value } : {});
  });
  const source = askDecisions(node, { ...OPTIONS, clock: { now: () => now }, waitMs: 100_000 });
  expect(await source.decide(PATH, never)).toMatchObject({ state: "decided" });
  expect(asked).toEqual([
    [true, 100_000],
    [true, 75_000],
    [true, 50_000],
  ]);
});

test("a node that does not wait, although it was asked to, is not asked again at once", async () => {
  const asked: unknown[] = [];
  const node = nodeThat((request) => explained((asked.push(request), {})));
  const source = askDecisions(node, { ...OPTIONS, clock: { now: () => 5 }, waitMs: 100_000 });
  expect(await source.decide(PATH, never)).toMatchObject({ state: "undecided" });
  expect(asked.length).toBe(1);
});

test("the end of a decision is told by the clock of this machine, the mode as the node has it", async () => {
  const fields = { Decided: true, Digest: new Uint8Array(32), Value: CLAIM.value, Until: 61_000n };
  const node = nodeThat(() => explained({ ...fields, Mode: ExplainResponse_Modes.OBSERVE, LetThrough: true }));
  const source = askDecisions(node, { ...OPTIONS, clock: { now: () => 500 } });
  expect(await source.decide(PATH, never)).toMatchObject({ until: 60_500, mode: "observe", letThrough: true });
});

test("a cache's signature is passed on if it covers what was decided and its key is configured for this voter", async () => {
  const crypto = nodeCrypto();
  const keyOf = (name: string) => {
    const seed = crypto.sha256(utf8(name));
    return { name, seed, publicKey: crypto.ed25519PublicKey(seed) };
  };
  const facts = {
    storePath: parseStorePath(PATH),
    narHash: new Uint8Array(32).fill(7),
    narSize: 120,
    references: [parseStorePath(PATH)],
  };
  const value = encodeNixValue({
    path: PATH,
    narHash: formatSriHash(sha256Hash(facts.narHash)),
    narSize: 120,
    references: [PATH],
  });
  const answer = (name: string, signed: SignedFacts) => {
    const info = {
      url: "nar/x",
      compression: "xz",
      fileHash: undefined,
      fileSize: 1,
      deriver: undefined,
      ca: undefined,
    };
    const signatures = [signFacts(crypto, keyOf("stranger-1"), signed), signFacts(crypto, keyOf(name), signed)];
    return {
      Vote: voteToWire({ logId: id(name), outcome: "claims", digest: crypto.sha256(value), reason: "" }),
      Name: name,
      Value: value,
      ShownBy: VoterAnswer_Shown.BY_NARINFO,
      NarInfo: utf8(printNarInfo({ ...signed, ...info, signatures })),
    };
  };
  const id = (name: string) => toHex(crypto.sha256(utf8(name))) as LogId;
  const Answers = [
    answer("cache-1", facts),
    answer("unknown-1", facts),
    // The same bytes with other references: another claim, whose signature says nothing about this one.
    answer("other-1", { ...facts, references: [] }),
  ];
  const node = nodeThat(() => explained({ Decided: true, Digest: crypto.sha256(value), Value: value, Answers }));
  const cacheKeys = new Map(["cache-1", "other-1"].map((name) => [id(name), [keyOf(name)]]));
  const { votes } = await askDecisions(node, { ...OPTIONS, cacheKeys }).decide(PATH, never);
  expect(votes.map(({ voter, signature }) => [voter, signature?.split(":")[0]])).toEqual([
    ["cache-1", "cache-1"],
    ["unknown-1", undefined],
    ["other-1", undefined],
  ]);
});

test("an explanation has the policy by which the node says it decided", async () => {
  await connected(async (connection) => {
    const explanation = await askDecisions(connection, OPTIONS).explain("key", AbortSignal.timeout(5000));
    expect(explanation.policy[0]).toMatch(/^6 voters: cache, jupiter, mars, mercury, saturn and venus$/);
    expect(explanation.voters.map(({ name, shownBy }) => [name, shownBy.kind])).toEqual([
      ["mine", "log"],
      ["saturn", "asserted"],
      ["pluto", "asserted"],
    ]);
  });
});
