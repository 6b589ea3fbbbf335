/** A server over reference logs, on loopback or a socket, and the small clients the tests speak to it with. */
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalBytes, fromBase64 } from "@trustix/crypto";
import { parsePrivateToken, valueDigestOf, type Vote } from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import { pino } from "pino";
import { KnownTokens } from "../../src/access/known-tokens.ts";
import { openMadeCalls } from "../../src/access/made-calls.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import { NodeError } from "../../src/errors.ts";
import type { Clock, DecideReport, EvidenceStore, FollowedLog } from "../../src/model.ts";
import { startServer, type ListenerOptions, type RunningServer, type ServerParts } from "../../src/server/index.ts";
import { crypto, ReferenceLog } from "./reference-log.ts";
import { NO_DECISIONS, NO_EVIDENCE, NO_MIRROR, NO_RECEIPTS, NO_SIMULATION, NO_STANDING } from "../idle-parts.ts";

/** Key of the log `5fea3cb4...` of the golden vectors. */
export const SEED = fromBase64(
  "oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16PBbx2Gr+S1ISO6Nfg38rqJEuo0C9LOMSyGJiJLG55EWEmdPQ==",
).slice(0, 32);
export const LOG_ID = "5fea3cb44ef951dfb2a2ec37ebfd759174003ea9300756e26128dceb0987a30a";

/** The token `default` of the golden vectors. */
export const TOKEN = parsePrivateToken(
  crypto,
  "default:ZwJHsfPwLuZxLK/dBgTLvVh4wc4X/qgplFXoimZSSjdoemqXXHLTScJ5VjikkB3fGEDYf4VJbVwPk8ULtMFqLA==",
);

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Decides as a node does whose only voter is its own log. */
function decideBy(log: ReferenceLog): ServerParts["decide"] {
  return {
    ...NO_DECISIONS,
    async decide(protocol, key): Promise<DecideReport> {
      if (protocol !== log.info.protocol.name && protocol !== log.info.protocol.id) {
        throw new NodeError("not_found", `no deciders for protocol ${JSON.stringify(protocol)}`);
      }
      const { entry } = await log.mapValue(key, (await log.head()).mapRoot);
      const logId = log.info.id;
      if (entry === undefined) {
        const vote: Vote = { logId, outcome: "absent", digest: undefined, reason: "" };
        return { decision: undefined, votes: [vote], reason: "0 of 1 agree, 1 needed" };
      }
      const [value] = await log.getMany([entry.digest]);
      const vote: Vote = { logId, outcome: "claims", digest: entry.digest, reason: "" };
      const decision = { digest: entry.digest, value: value!, confidence: 100, logIds: [logId] };
      return { decision, votes: [vote], reason: "1 of 1" };
    },
  };
}

export interface TestNode {
  readonly log: ReferenceLog;
  readonly server: RunningServer;
  /** Of the first listener. */
  readonly url: string;
  /** Lines the server logged. */
  readonly lines: string[];
  close(): Promise<void>;
}

export interface TestNodeOptions {
  readonly listeners?: readonly Partial<ListenerOptions>[];
  readonly limits?: Partial<Limits>;
  readonly followed?: readonly FollowedLog[];
  readonly evidence?: EvidenceStore;
  readonly followedValues?: readonly Uint8Array[];
  readonly decide?: ServerParts["decide"];
  readonly meta?: Record<string, string>;
  readonly clock?: Clock;
  /** Whose calls are believed; the one writer `TOKEN` unless told. */
  readonly tokens?: ServerParts["tokens"];
  /** Where signed calls are noted. */
  readonly store?: Store;
  /** What the log holds and has signed. */
  readonly items?: readonly (readonly [key: string, value: string])[];
  readonly log?: ReferenceLog;
}

export const TCP: ListenerOptions = {
  address: { kind: "tcp", host: "127.0.0.1", port: 0 },
  private: true,
  metrics: true,
  names: [],
  allowUnsignedReads: true,
  allowReplayableTokens: true,
};
/** What a private listener is unless its configuration says otherwise. */
export const STRICT: ListenerOptions = { ...TCP, allowUnsignedReads: false, allowReplayableTokens: false };
export const PUBLIC: ListenerOptions = { ...STRICT, private: false, metrics: false };

export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const log = options.log ?? new ReferenceLog(SEED, options.meta);
  if (options.items) {
    await log.submit(options.items.map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) })));
    await log.flush();
  }
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const clock = options.clock ?? realClock;
  const store = options.store ?? openMemoryStore();
  const tokens =
    options.tokens ??
    new KnownTokens("", [{ token: TOKEN, role: "writer", from: "configuration" }], { added: [], revoked: [] });
  const parts: ServerParts = {
    crypto,
    clock,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    version: "0.0.0-test",
    published: new Map([[log.info.id, { name: "one", reader: log, publisher: log }]]),
    values: log,
    allValues: log,
    caches: [],
    follower: followerOf(options.followed ?? [], options.followedValues ?? []),
    evidence: options.evidence ?? NO_EVIDENCE,
    namesOf: (key) =>
      (options.followed ?? []).flatMap(({ name, info }) => (equalBytes(info.publicKey, key) ? name : [])),
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    policies: [],
    simulate: NO_SIMULATION,
    receipts: NO_RECEIPTS,
    decide: options.decide ?? decideBy(log),
    generation: () => "test",
    configuration: { file: "/etc/trustix.toml", readAt: 7 },
    tokens,
    signedCalls: await openMadeCalls({ store, crypto, clock, limit: DEFAULT_LIMITS.signedCalls }),
  };
  const listeners = (options.listeners ?? [TCP]).map((listener) => ({ ...TCP, ...listener }));
  const server = await startServer(parts, listeners, logger);
  return { log, server, lines, url: server.urls[0]!, close: () => server.close() };
}

function followerOf(logs: readonly FollowedLog[], values: readonly Uint8Array[]): ServerParts["follower"] {
  return {
    logs: () => logs,
    seenHeads: (id) => logs.flatMap(({ info, head }) => (info.id === id && head !== undefined ? head : [])),
    value: async (digest) => values.find((value) => equalBytes(valueDigestOf(crypto, value), digest)),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of an error. */
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export interface PostOptions {
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

/** One HTTP/1.1 exchange. `url` may be of a unix socket. */
export function post(url: string, path: string, body: Uint8Array | string, options: PostOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const where = url.startsWith("unix:") ? { socketPath: url.slice(7) } : hostOf(url);
    const headers = { "content-type": "application/proto", ...options.headers };
    const sent = httpRequest(
      { ...where, path, method: options.method ?? "POST", headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const all = Buffer.concat(chunks);
          const json =
            response.headers["content-type"]?.startsWith("application/json") === true && response.statusCode !== 200;
          const error = json ? (JSON.parse(all.toString()) as { code: string; message: string }) : undefined;
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: all,
            code: error?.code,
            message: error?.message,
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

export function hostOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** A connection that sends exactly these bytes. */
export function rawSocket(url: string): Socket {
  return url.startsWith("unix:") ? connect({ path: url.slice(7) }) : connect(hostOf(url));
}

/** Everything that comes back until the server ends the connection, or `done` says so. */
export function readAll(socket: Socket, done: (all: Buffer) => boolean = () => false, maxMs = 10_000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let all = Buffer.alloc(0);
    const timer = setTimeout(
      () => reject(new Error(`nothing more within ${maxMs} ms after ${all.length} bytes`)),
      maxMs,
    );
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(all);
    };
    socket.on("data", (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
      if (done(all)) finish();
    });
    socket.once("close", finish);
    socket.once("error", finish);
  });
}

/** A folder of its own, removed afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "trustix-server-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
