/** The proxy as a process, and what it asks the node. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport } from "@trustix/client";
import { formatSecretCacheKey } from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { askDecisions } from "../src/ask-decisions.ts";
import type { Connection } from "../src/connect.ts";
import { CLAIM, fakeState, startFakeNode } from "./fake-node.ts";

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
    const source = askDecisions(connection, new Map([["11".repeat(32), "saturn"]]), Date);
    const path = new TextDecoder().decode(CLAIM.key);
    const decided = await source.decide(path, AbortSignal.timeout(5000));
    expect(decided).toMatchObject({ state: "decided", value: new Uint8Array(CLAIM.value) });
    expect(decided.votes.map(({ voter, outcome, reason }) => [voter, outcome, reason])).toEqual([
      [expect.stringMatching(/^[0-9a-f]{8}$/), "claims", ""],
      ["saturn", "claims", ""],
      ["22222222", "unreachable", "connection refused"],
    ]);
    const undecided = await source.decide("/nix/store/other", AbortSignal.timeout(5000));
    expect(undecided).toMatchObject({ state: "undecided", reason: /^1 of 3 agree, 2 needed/ });
  });
});

test("a generation lasts as long as the node's own does, also while the node is away", async () => {
  await connected(async (connection) => {
    const source = askDecisions(connection, new Map(), { now: () => 7 });
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
  expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: "ok", decider: { state: "answers" } });
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
});
