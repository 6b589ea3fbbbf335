/** `trustix-nix binary-cache-proxy`: runs the proxy until it is told to end. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { equalBytes } from "@trustix/crypto";
import {
  fromNix32,
  parsePublicCacheKey,
  parseSecretCacheKey,
  type CachePublicKey,
  type CacheSecretKey,
} from "@trustix/nix-formats";
import {
  createBinaryCacheProxy,
  openReceiptFolder,
  PROXY_LIMITS,
  type ReceiptFolder,
  type UpstreamConfig,
} from "@trustix/nix";
import type { Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { NIX } from "@trustix/protocol";
import type { Logger } from "pino";
import { askDecisions } from "../ask-decisions.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { defaultReceiptsFolder } from "../default-places.ts";
import { stderrLogger } from "../logger.ts";
import { readNodeConfig } from "../node-config.ts";
import { systemClock } from "../system-clock.ts";

/** Milliseconds between two looks at the node's heads; until they change, a decision holds. */
const LOOK_AT_HEADS = 1000;

export const run: Action = async (input) => {
  const { io } = input;
  const address = listenAddress(input);
  const signingKey = await readSigningKey(input);
  const config = await readNodeConfig(input);
  const log = stderrLogger(io);
  return withNode(
    input,
    async (node) => {
      const receipts = receiptFolder(input, config, log);
      const waitMs = waitOf(config);
      // For votes, and again for the values.
      const budgetMs = Math.max(PROXY_LIMITS.decideBudget, 2 * (config?.decisionBudgetMs ?? 0));
      const decisions = askDecisions(node, {
        clock: systemClock,
        receipts: receipts !== undefined,
        budgetMs,
        waitMs,
        cacheKeys: cacheKeys(config),
      });
      await decisions.refresh();
      const upstreams = upstreamsOf(config);
      if (upstreams.length === 0) log.warn("no upstream is configured, so nothing can be fetched: add [[upstreams]]");
      const proxy = await createBinaryCacheProxy({
        crypto: nodeCrypto(),
        clock: systemClock,
        log,
        decide: (path, signal) => decisions.decide(path, signal),
        explain: (path, signal) => decisions.explain(path, signal),
        ...(receipts !== undefined && { receipts }),
        limits: { decideBudget: budgetMs, waitBudget: waitMs },
        generation: () => decisions.generation(),
        decider: () => decisions.state(),
        pathByHashPart: (hashPart) => decisions.pathByHashPart(fromNix32(hashPart, 20)),
        upstreams,
        signingKey,
      });
      const where = await proxy.listen(address).catch((cause: NodeJS.ErrnoException) => {
        throw cannotListen(address, cause);
      });
      const at = typeof where === "string" ? where : `${where.address}:${where.port}`;
      log.info(
        { address: at, key: signingKey.name, upstreams: upstreams.map(({ url }) => withoutSecrets(url)) },
        "listening",
      );
      const looking = setInterval(() => void decisions.refresh(), LOOK_AT_HEADS);
      await ended(io.signal);
      clearInterval(looking);
      await proxy.close(3000);
      await receipts?.close();
      return EXIT.done;
    },
    { socketOwners: config?.socketOwners },
  );
};

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
}

type ListenAddress = { host: string; port: number } | { path: string } | { fd: number };

/** `--listen`, else a socket that systemd hands over, else the loopback: the answers are for this machine. */
function listenAddress(input: CommandInput): ListenAddress {
  const text = input.text("listen");
  if (text === undefined) {
    const inherited = input.io.env["LISTEN_PID"] === String(process.pid) && Number(input.io.env["LISTEN_FDS"]) > 0;
    return inherited ? { fd: 3 } : { host: "127.0.0.1", port: 8080 };
  }
  if (text.startsWith("unix:///")) return { path: text.slice("unix://".length) };
  const url = URL.parse(text.startsWith("http://") ? text : `http://${text}`);
  // A host's name without a port would mean 80, which nobody means.
  const plain =
    url !== null && /:\d+\/?$/.test(text) && url.pathname === "/" && url.search === "" && url.username === "";
  if (!plain)
    throw usageError(`--listen: ${JSON.stringify(text)} came, host:port, http://host:port or unix:///path wanted`);
  // The URL parser drops the default port.
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? 80 : Number(url.port) };
}

function cannotListen(address: ListenAddress, cause: NodeJS.ErrnoException): CliError {
  const where =
    "path" in address ? `unix://${address.path}` : "fd" in address ? `the socket handed over` : hostPort(address);
  if (cause.code !== "EADDRINUSE") return new CliError(`cannot listen at ${where}: ${cause.message}`, { cause });
  const hint =
    "path" in address
      ? "if no program listens there any more, remove the file; --listen names another place"
      : "is another proxy running? --listen names another address";
  return new CliError(`cannot listen at ${where}: it is taken`, { hint, cause });
}

function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function readSigningKey(input: CommandInput): Promise<CacheSecretKey> {
  const path = input.needed("privkey");
  let text: string;
  try {
    const file = await open(resolve(input.io.cwd, path), "r");
    try {
      if (((await file.stat()).mode & 0o077) !== 0)
        input.io.note(`trustix: warning: ${path} may be read by others: chmod 600 it`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      text = buffer.toString("latin1", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CliError(`the signing key ${path} cannot be read: ${(cause as Error).message}`, {
      hint: `nix-store --generate-binary-cache-key my-proxy-1 ${path} ${path}.pub`,
      cause,
    });
  }
  return parseSecretCacheKey(nodeCrypto(), text);
}

const DAY = 86_400_000;

/** Beside the state of the user that runs the proxy; `undefined`: none are kept. */
function receiptFolder({ io }: CommandInput, config: Config | undefined, log: Logger): ReceiptFolder | undefined {
  const { keep, ...bounds } = config?.receipts ?? { keep: true, maxAgeMs: 90 * DAY, maxBytes: 256 << 20 };
  if (!keep) return undefined;
  const { uid } = io;
  return openReceiptFolder({
    ...bounds,
    crypto: nodeCrypto(),
    clock: systemClock,
    log,
    uid,
    folder: defaultReceiptsFolder(io),
  });
}

/** Milliseconds that the policy waits for what is undecided: the node's own, from the same configuration. */
function waitOf(config: Config | undefined): number {
  const policy = config?.deciders.find(({ protocol }) => protocol.id === NIX.id);
  return policy?.undecided === "wait" && policy.mode !== "observe" ? policy.waitBudgetMs : 0;
}

function cacheKeys(config: Config | undefined): Map<string, readonly CachePublicKey[]> {
  return new Map(config?.voters.map(({ info, publicKeys }) => [info.id, publicKeys]));
}

/**
 * `[[upstreams]]` first, then the places of caches that vote, then the caches that logs name, each once: from the local
 * configuration only. Keys of a voter are keys of its places.
 */
export function upstreamsOf(config: Config | undefined): UpstreamConfig[] {
  if (config === undefined) return [];
  const found = new Map<string, CachePublicKey[]>();
  const add = (url: string, keys: readonly CachePublicKey[]): void => {
    const known = found.get(url) ?? [];
    const isKnown = (key: CachePublicKey): boolean =>
      known.some(({ name, publicKey }) => name === key.name && equalBytes(publicKey, key.publicKey));
    found.set(url, [...known, ...keys.filter((key) => !isKnown(key))]);
  };
  for (const { url, publicKeys } of config.upstreams) add(url, publicKeys.map(parsePublicCacheKey));
  for (const { urls, publicKeys } of config.voters) for (const url of urls) add(url, publicKeys);
  for (const { info } of [...config.publishers, ...config.subscribers]) {
    const url = info.meta["upstream"]?.replace(/\/+$/, "");
    if (info.protocol.id === NIX.id && url !== undefined && /^https?:\/\//.test(url)) add(url, []);
  }
  return [...found].map(([url, publicKeys]) => ({ url, publicKeys }));
}

function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}
