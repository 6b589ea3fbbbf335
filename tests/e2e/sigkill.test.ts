/**
 * A publishing daemon that is killed fifty times while it takes submissions. The driver notes every acknowledged key
 * outside the daemon's state; after each kill `trustix fsck` must pass, and each noted key must be in the log.
 */
import { join } from "node:path";
import { httpTransport } from "@trustix/client";
import type { RpcTransport } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { fsck, storedLogs } from "@trustix/node";
import { LogRPC } from "@trustix/proto";
import { parsePrivateToken, TOKEN_HEADER, tokenHeader } from "@trustix/protocol";
import { openEmbeddedStore } from "@trustix/storage";
import { removeStores, run } from "@trustix/testkit/nix";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makePlanet } from "../../examples/four-planets/planet.ts";
import type { Planet } from "../../examples/four-planets/planet.ts";
import { programEnvironment, TRUSTIX } from "../../examples/four-planets/programs.ts";
import { makeFolder } from "./nixes.ts";

const KILLS = 50;
const WRITERS = 4;
const ITEMS = 5;
/** The command itself runs after every so many kills, its check of the state after each: a process start costs a second. */
const COMMAND_EVERY = 10;

let folder: string;
let planet: Planet;

beforeAll(async () => {
  folder = await makeFolder();
  planet = await makePlanet({ name: "mars", folder: join(folder, "mars"), nix: undefined });
});
afterAll(async () => {
  await planet.close();
  await removeStores(folder);
});

async function writingTransport(): Promise<RpcTransport> {
  const crypto = nodeCrypto();
  const token = parsePrivateToken(
    crypto,
    (await readFile(join(planet.folder, "state", "trustix.token"), "utf8")).trim(),
  );
  return httpTransport(planet.socket, {
    headersFor: (procedure) => ({ [TOKEN_HEADER]: tokenHeader(crypto, token, procedure) }),
  });
}

/** Submits batch after batch until the daemon is gone; notes in `acknowledged` what it said it has. */
async function write(transport: RpcTransport, name: string, acknowledged: Set<string>): Promise<void> {
  for (let batch = 0; ; batch++) {
    const keys = Array.from({ length: ITEMS }, (_, item) => `${name}/${batch}/${item}`);
    const Items = keys.map((key) => ({ Key: utf8(key), Value: utf8(`value of ${key}`) }));
    try {
      await transport.unary(LogRPC.method.submit, { LogID: planet.logId, Items });
    } catch {
      return;
    }
    for (const key of keys) acknowledged.add(key);
    // Many short calls in many states, not a long log.
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** What `trustix fsck` finds, without its process. */
async function checkState(): Promise<readonly unknown[]> {
  const store = await openEmbeddedStore(join(planet.folder, "state", "store"));
  try {
    const reports = await fsck(store, { crypto: nodeCrypto(), logs: await storedLogs(store) });
    expect(reports.map(({ logId }) => logId)).toEqual([planet.logId]);
    return reports.flatMap(({ problems }) => problems);
  } finally {
    await store.close();
  }
}

async function runFsck(): Promise<void> {
  const env = programEnvironment(planet.folder);
  const { code, stdout, stderr } = await run(TRUSTIX, ["fsck", "--state", join(planet.folder, "state")], { env });
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining("sound") });
}

async function keysInLog(transport: RpcTransport, from: number, keys: Set<string>): Promise<number> {
  await transport.unary(LogRPC.method.flush, { LogID: planet.logId });
  const { TreeSize } = await transport.unary(LogRPC.method.getHead, { LogID: planet.logId });
  const size = Number(TreeSize);
  for (let start = from; start < size; start += 1000) {
    const range = { LogID: planet.logId, Start: BigInt(start), Finish: BigInt(Math.min(start + 999, size - 1)) };
    const { Leaves } = await transport.unary(LogRPC.method.getLogEntries, range);
    for (const leaf of Leaves) keys.add(Buffer.from(leaf.Key).toString());
  }
  return size;
}

test(
  "fifty kills at any moment lose nothing that was acknowledged, and fsck passes after each",
  { timeout: 300_000 },
  async () => {
    const acknowledged = new Set<string>();
    const inLog = new Set<string>();
    let size = 0;
    for (let round = 0; round < KILLS; round++) {
      await planet.start();
      const transport = await writingTransport();
      size = await keysInLog(transport, size, inLog);
      for (const key of acknowledged) expect(inLog.has(key), `${key}, acknowledged before kill ${round}`).toBe(true);

      const before = acknowledged.size;
      const writers = Array.from({ length: WRITERS }, (_, n) => write(transport, `${round}/${n}`, acknowledged));
      // Spread over acknowledging, queueing and flushing, which happens every 200 ms here.
      await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 300));
      await planet.daemon!.kill();
      await Promise.all(writers);
      await transport.close();
      expect({ round, problems: await checkState() }).toEqual({ round, problems: [] });
      if (round % COMMAND_EVERY === 0) await runFsck();
      if (round === 0) expect(acknowledged.size).toBeGreaterThan(before);
    }
    expect(acknowledged.size).toBeGreaterThan(KILLS * ITEMS);
    await planet.start();
    const transport = await writingTransport();
    await keysInLog(transport, size, inLog);
    for (const key of acknowledged) expect(inLog.has(key), key).toBe(true);
    // What was in the log and never acknowledged is a batch that was under way when the daemon died.
    for (const key of inLog) expect(key).toMatch(/^\d+\/\d+\/\d+\/\d+$/);
    await transport.close();
  },
);
