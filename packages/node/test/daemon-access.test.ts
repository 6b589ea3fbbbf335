/** Who may write to a whole daemon: over TCP by signed calls, and by tokens that change while it runs. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { httpTransport, signCalls, type HeadersFor, type RpcTransport } from "@trustix/client";
import { toBase64 } from "@trustix/crypto";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { LogRPC, NodeExt, RPCApi } from "@trustix/proto";
import {
  formatPrivateKey,
  formatPrivateToken,
  formatPublicToken,
  keyPairOfSeed,
  logIdOf,
  parsePrivateToken,
  TEST,
  TOKEN_HEADER,
  tokenHeader,
  type PrivateToken,
} from "@trustix/protocol";
import { openEmbeddedStore } from "@trustix/storage";
import { pino } from "pino";
import { expect, test } from "vitest";
import { fsckStore, loadConfig, startDaemon, storedLogs, type Config, type Daemon } from "../src/index.ts";
import { inFolder, realClock } from "./server/test-node.ts";

const crypto = nodeCrypto();
const keys = keyPairOfSeed(crypto, new Uint8Array(32).fill(50));
const LogID = logIdOf(crypto, { protocol: TEST, publicKey: keys.publicKey });
const token = (name: string, seed: number): PrivateToken => ({
  name,
  ...keyPairOfSeed(crypto, new Uint8Array(32).fill(seed)),
});
const [alice, bob] = [token("alice", 51), token("bob", 52)];

interface Running {
  readonly daemon: Daemon;
  readonly lines: string[];
  readonly socket: string;
  readonly tcp: string;
}

async function config(folder: string, tokens: readonly PrivateToken[]): Promise<Config> {
  await writeFile(join(folder, "key"), formatPrivateKey(keys), { mode: 0o600 });
  const path = join(folder, "trustix.json");
  const file = {
    "head-marker": join(folder, "markers"),
    publishers: [{ protocol: "test", signer: "s", publicKey: { type: "ed25519", key: toBase64(keys.publicKey) } }],
    signers: { s: { type: "ed25519", ed25519: { "private-key-path": join(folder, "key") } } },
    write_tokens: tokens.map(formatPublicToken),
    listeners: [
      { address: `unix://${folder}/s` },
      // The port changes with every start; what is signed for the first must not be refused for that.
      { address: "http://127.0.0.1:0", private: true, names: ["127.0.0.1"] },
    ],
    flush: { interval: 3600 },
  };
  await writeFile(path, JSON.stringify(file));
  return loadConfig(path, { crypto, cwd: folder });
}

async function start(folder: string, tokens: readonly PrivateToken[]): Promise<Running> {
  const lines: string[] = [];
  const daemon = await startDaemon({
    config: await config(folder, tokens),
    state: join(folder, "state"),
    listen: [],
    defaultListen: "",
    env: {},
    pid: process.pid,
    version: "0.0.0-test",
    crypto,
    clock: realClock,
    random: Math.random,
    randomSeed,
    log: pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }),
  });
  return { daemon, lines, socket: daemon.urls[0]!, tcp: daemon.urls[1]! };
}

const signing = (by: PrivateToken): HeadersFor =>
  signCalls({ crypto, token: by, now: Date.now, nonce: () => randomSeed().subarray(0, 16) });
const showing =
  (by: PrivateToken): HeadersFor =>
  (procedure) => ({ [TOKEN_HEADER]: tokenHeader(crypto, by, procedure) });

async function within<T>(
  url: string,
  headersFor: HeadersFor,
  use: (transport: RpcTransport) => Promise<T>,
): Promise<T> {
  const transport = httpTransport(url, { headersFor });
  try {
    return await use(transport);
  } finally {
    await transport.close();
  }
}

/** `ok`, or why not. */
function write(url: string, headersFor: HeadersFor, key = "k"): Promise<string> {
  const Items = [{ Key: Buffer.from(key), Value: Buffer.from("v") }];
  return within(url, headersFor, (transport) =>
    transport.unary(LogRPC.method.submit, { LogID, Items }).then(
      () => "ok",
      (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message.split("\n")[0]}`,
    ),
  );
}

const ownToken = async (folder: string): Promise<PrivateToken> =>
  parsePrivateToken(crypto, await readFile(join(folder, "state/trustix.token"), "utf8"));

test("a signed call that was made is refused by every later process over the same state", () =>
  inFolder(async (folder) => {
    let seen: Readonly<Record<string, string>> = {};
    const remembering: HeadersFor = (procedure, sent) => (seen = signing(alice)(procedure, sent));
    const first = await start(folder, [alice]);
    expect(await write(first.tcp, remembering)).toBe("ok");
    expect(await write(first.tcp, () => seen)).toMatch(/^unauthenticated: this nonce was used before/);
    await first.daemon.close();
    const second = await start(folder, [alice]);
    expect(await write(second.tcp, () => seen)).toMatch(/^unauthenticated: this nonce was used before/);
    expect(await write(second.tcp, signing(alice))).toBe("ok");
    const logs = await within(second.tcp, signing(alice), (t) => t.unary(RPCApi.method.logs, {}));
    expect(logs.Logs.map((log) => log.LogID)).toEqual([LogID]);
    await second.daemon.close();
    const store = await openEmbeddedStore(join(folder, "state/store"));
    expect(await fsckStore(store, { crypto, logs: await storedLogs(store) })).toMatchObject({ problems: [] });
    await store.close();
  }));

test("tokens of the configuration and of files change without a restart; what cannot be read changes nothing", () =>
  inFolder(async (folder) => {
    const { daemon, socket, tcp, lines } = await start(folder, [alice]);
    try {
      expect([await write(tcp, signing(alice)), await write(tcp, signing(bob))]).toEqual([
        "ok",
        'unauthenticated: token "bob" is not known to this node',
      ]);
      await daemon.reloadTokens(await config(folder, [bob]));
      expect([await write(tcp, signing(alice)), await write(tcp, signing(bob))]).toEqual([
        'unauthenticated: token "alice" is not known to this node',
        "ok",
      ]);
      // The node's own: its file goes, another one is made.
      const before = await ownToken(folder);
      await rm(join(folder, "state/trustix.token"));
      await daemon.reloadTokens(await config(folder, [bob]));
      const after = await ownToken(folder);
      expect([await write(socket, showing(before)), await write(socket, showing(after))]).toEqual([
        expect.stringMatching(/^unauthenticated: token "default": not signed for/),
        "ok",
      ]);
      await writeFile(join(folder, "state/trustix.token"), "nonsense");
      await expect(daemon.reloadTokens(await config(folder, [alice]))).rejects.toMatchObject({ code: "bad_config" });
      await writeFile(join(folder, "state/trustix.token"), formatPrivateToken(after));
      await writeFile(join(folder, "state/tokens"), "nonsense");
      await expect(daemon.reloadTokens(await config(folder, [alice]))).rejects.toMatchObject({ code: "bad_config" });
      expect([await write(tcp, signing(alice)), await write(tcp, signing(bob))]).toEqual([
        expect.stringMatching(/^unauthenticated/),
        "ok",
      ]);
      for (const secret of [alice, bob, before, after]) {
        expect(lines.join("")).not.toContain(formatPrivateToken(secret).split(":")[1]!.slice(0, 16));
      }
    } finally {
      await daemon.close();
    }
  }));

test("a token that was revoked stays so over restarts and reloads, though the configuration has it", () =>
  inFolder(async (folder) => {
    const first = await start(folder, [alice]);
    const own = await ownToken(folder);
    await within(first.socket, showing(own), (t) => t.unary(NodeExt.method.revokeToken, { Name: "alice" }));
    await within(first.socket, showing(own), (t) =>
      t.unary(NodeExt.method.addToken, { Token: formatPublicToken(bob) }),
    );
    await first.daemon.reloadTokens(await config(folder, [alice]));
    expect(await write(first.tcp, signing(alice))).toMatch(/^unauthenticated: token "alice" is not known/);
    await first.daemon.close();
    expect((await stat(join(folder, "state/tokens"))).mode & 0o777).toBe(0o600);
    const second = await start(folder, [alice]);
    expect([await write(second.tcp, signing(alice)), await write(second.tcp, signing(bob))]).toEqual([
      'unauthenticated: token "alice" is not known to this node',
      "ok",
    ]);
    await second.daemon.close();
  }));

test("a token of the configuration that takes the own token's name is told of: then nobody manages tokens", () =>
  inFolder(async (folder) => {
    const taking = token("default", 53);
    const { daemon, lines, socket } = await start(folder, [taking]);
    expect(lines.join("")).toContain('token \\"default\\" (own) is not used: another key has its name (configuration)');
    expect([await write(socket, showing(taking)), await write(socket, showing(await ownToken(folder)))]).toEqual([
      "ok",
      expect.stringMatching(/^unauthenticated: token "default"/),
    ]);
    await daemon.close();
  }));
