/** Whole daemons that compare heads: a log with two faces is excluded by both whom it showed one, and strangers learn nothing. */
import { writeFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { httpTransport, signCalls, type RpcTransport } from "@trustix/client";
import { toBase64, utf8 } from "@trustix/crypto";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { LogExt, LogRPC, NodeAPI, NodeExt, RPCApi, UndecidedSchema } from "@trustix/proto";
import {
  formatPrivateKey,
  formatPrivateToken,
  formatPublicToken,
  keyPairOfSeed,
  logIdOf,
  TEST,
  TOKEN_HEADER,
  tokenHeader,
  type PrivateToken,
} from "@trustix/protocol";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { loadConfig, startDaemon } from "../src/index.ts";
import { asPeer } from "../src/peer-token.ts";
import { inFolder, realClock } from "./server/test-node.ts";

const crypto = nodeCrypto();
const keys = keyPairOfSeed(crypto, new Uint8Array(32).fill(70));
const publicKey = { type: "ed25519", key: toBase64(keys.publicKey) };
const LogID = logIdOf(crypto, { protocol: TEST, publicKey: keys.publicKey });
/** As every node's own token is called. */
const token = (seed: number): PrivateToken => ({
  name: "default",
  ...keyPairOfSeed(crypto, new Uint8Array(32).fill(seed)),
});
const [tokenP, tokenQ] = [token(71), token(72)];

interface Running {
  readonly url: string;
  readonly urls: readonly string[];
  readonly lines: string[];
}

async function start(folder: string, own: PrivateToken, file: object): Promise<Running> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "token"), formatPrivateToken(own), { mode: 0o600 });
  await writeFile(join(folder, "key"), formatPrivateKey(keys), { mode: 0o600 });
  const path = join(folder, "trustix.json");
  const listeners = [{ address: `unix://${folder}/s.socket` }];
  await writeFile(path, JSON.stringify({ storage: { type: "memory" }, "head-marker": folder, listeners, ...file }));
  const lines: string[] = [];
  const daemon = await startDaemon({
    config: await loadConfig(path, { crypto, cwd: folder }),
    state: join(folder, "state"),
    listen: [],
    defaultListen: "",
    env: { TRUSTIX_TOKEN: join(folder, "token") },
    pid: process.pid,
    version: "0.0.0-test",
    crypto,
    clock: realClock,
    random: Math.random,
    randomSeed,
    log: pino({ level: "info" }, { write: (line: string) => void lines.push(line) }),
  });
  onTestFinished(() => daemon.close());
  return { url: daemon.urls[0]!, urls: daemon.urls, lines };
}

function caller(url: string, options: Parameters<typeof httpTransport>[1] = {}): RpcTransport {
  const transport = httpTransport(url, options);
  onTestFinished(() => transport.close());
  return transport;
}

/** One face of the log: a daemon with its key, and these claims flush by flush. */
async function face(folder: string, ...flushes: readonly (readonly string[])[]): Promise<string> {
  const own = token(73);
  const { url } = await start(folder, own, {
    publishers: [{ protocol: "test", signer: "s", publicKey }],
    signers: { s: { type: "ed25519", ed25519: { "private-key-path": join(folder, "key") } } },
    flush: { interval: 3600 },
  });
  const writer = caller(url, {
    headersFor: (procedure) => ({ [TOKEN_HEADER]: tokenHeader(crypto, own, procedure) }),
  });
  for (const names of flushes) {
    const Items = names.map((name) => ({ Key: utf8(name), Value: utf8(`value of ${name}`) }));
    await writer.unary(LogRPC.method.submit, { LogID, Items });
    await writer.unary(LogRPC.method.flush, { LogID });
  }
  return url;
}

const follower = (remote: string, peer: { url: string; token: string }) => ({
  subscribers: [{ protocol: "test", publicKey, name: "saturn", syncmode: "light" }],
  remotes: [remote],
  peers: [peer],
  decider: { test: [{ engine: "logid", logid: { id: "saturn" } }] },
});

test("a log that shows two nodes two histories is excluded by both; nobody else is told what they follow", () =>
  inFolder(async (folder) => {
    const small = await face(join(folder, "x"), ["a", "b"], ["c"]);
    const large = await face(join(folder, "y"), ["a", "backdoor"], ["c"], ["d"], ["e"]);
    const socket = (name: string): string => `unix://${folder}/${name}/s.socket`;
    const pPeer = { url: socket("q"), token: formatPublicToken(tokenQ) };
    const p = await start(join(folder, "p"), tokenP, follower(small, pPeer));
    const q = await start(join(folder, "q"), tokenQ, follower(large, { url: p.url, token: formatPublicToken(tokenP) }));

    for (const node of [p, q]) {
      const user = caller(node.url);
      let items: { Kind: string; Names: string[] }[] = [];
      while (items.length === 0) {
        ({ Items: items } = await user.unary(NodeExt.method.evidence, {}));
        await pause(50);
      }
      expect(items).toMatchObject([{ Names: ["saturn"] }]);
      const refusal = await user
        .unary(RPCApi.method.decide, { Protocol: "test", Key: utf8("a") })
        .catch((error: { detail(schema: typeof UndecidedSchema): { Reason: string } }) =>
          error.detail(UndecidedSchema),
        );
      expect(refusal).toMatchObject({ Reason: expect.stringContaining("excluded") as string });
      expect(node.lines.filter((line) => line.includes("is proved to have lied"))).toHaveLength(1);
    }

    const ask = (options: Parameters<typeof httpTransport>[1]): Promise<string> =>
      caller(p.url, options)
        .unary(NodeExt.method.seenHeads, { LogID })
        .then(
          ({ Heads }) => `${Heads.length} heads`,
          (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
        );
    const nonce = (): Uint8Array => randomSeed().subarray(0, 16);
    const signedBy = (by: PrivateToken) => ({ headersFor: signCalls({ crypto, token: by, now: Date.now, nonce }) });
    expect(await ask({})).toMatch(/^unauthenticated: /);
    expect(await ask(signedBy(tokenP))).toMatch(/^permission_denied: .*is for peers only/);
    expect(await ask(signedBy(asPeer(token(74))))).toMatch(/^unauthenticated: /);
    expect(await ask(signedBy(asPeer(tokenQ)))).toMatch(/^[12] heads$/);
    const stranger = logIdOf(crypto, { protocol: TEST, publicKey: tokenP.publicKey });
    await expect(
      caller(p.url, signedBy(asPeer(tokenQ))).unary(NodeExt.method.seenHeads, { LogID: stranger }),
    ).rejects.toMatchObject({ code: "not_found" });
  }));

test("what a node copied is not served to strangers: it would tell what is followed", () =>
  inFolder(async (folder) => {
    const log = await face(join(folder, "x"), ["a", "b"]);
    const { urls } = await start(join(folder, "p"), tokenP, {
      listeners: [{ address: `unix://${folder}/p/s.socket` }, { address: "http://127.0.0.1:0" }],
      subscribers: [{ protocol: "test", publicKey, name: "saturn", syncmode: "full" }],
      remotes: [log],
    });
    const digest = crypto.sha256(utf8("value of a"));
    const [owner, stranger] = [caller(urls[0]!), caller(urls[1]!)];
    let copied = false;
    while (!copied) {
      const { Followed } = await owner.unary(NodeExt.method.status, {});
      copied = Followed[0]?.Mirror?.Valued === 2n;
      await pause(50);
    }
    expect(await owner.unary(RPCApi.method.getValue, { Digest: digest })).toMatchObject({ Value: utf8("value of a") });
    await expect(stranger.unary(NodeAPI.method.getValue, { Digest: digest })).rejects.toMatchObject({
      code: "not_found",
    });
    const { Values } = await stranger.unary(LogExt.method.getValues, { Digests: [digest] });
    expect(Values).toEqual([]);
  }));
