/**
 * The hook's spool, drained by the daemon: if it publishes one log of the Nix protocol, and the spool is its own user's.
 * A spool that cannot be had never keeps the daemon from running; it says why and goes on.
 */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { httpTransport } from "@trustix/client";
import { defaultSpoolFolder, openSpool, publishFilter, SpoolError, type Spool } from "@trustix/nix";
import type { Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { NIX, TOKEN_HEADER, tokenHeader } from "@trustix/protocol";
import type { Logger } from "pino";
import type { Io } from "./command.ts";
import { readTokenFile } from "./connect.ts";
import { submitter } from "./submitter.ts";
import { systemClock } from "./system-clock.ts";

export interface DaemonSpoolOptions {
  readonly io: Io;
  readonly config: Config;
  readonly state: string;
  /** Where the daemon answers. */
  readonly urls: readonly string[];
  readonly log: Logger;
}

export interface DaemonSpool {
  /** Ends the worker; what it was submitting stays in the spool. */
  close(): Promise<void>;
}

const NOTHING: DaemonSpool = { close: async () => undefined };
const TIMEOUT_MS = 20_000;
/** Another worker may go away. */
const LOOK_AGAIN_MS = 60_000;

export async function drainOwnSpool(options: DaemonSpoolOptions): Promise<DaemonSpool> {
  const { io, config, urls, log } = options;
  const logs = config.publishers.filter(({ info }) => info.protocol.id === NIX.id);
  if (logs.length === 0) return NOTHING;
  const folder = defaultSpoolFolder({ ...io.env }, io.uid);
  const stat = await lstat(folder).catch(() => undefined);
  if (stat !== undefined && stat.uid !== io.uid) {
    log.info({ folder, owner: stat.uid }, "the hook's spool is another user's: `trustix-nix spool` drains it there");
    return NOTHING;
  }
  const url = urls.find((address) => address.startsWith("unix://"));
  if (logs.length > 1 || url === undefined) {
    const why = logs.length > 1 ? "several Nix logs are published" : "no unix socket is listened on";
    log.warn(
      { folder },
      `the hook's spool is not drained: ${why}; run \`trustix-nix spool\` with --log-id or --address`,
    );
    return NOTHING;
  }
  return runWorker(options, folder, logs[0]!.info.id, url);
}

/** Submits over the daemon's own socket: the same durable way as everybody's. */
async function runWorker(
  { io, config, state, log }: DaemonSpoolOptions,
  folder: string,
  logId: string,
  url: string,
): Promise<DaemonSpool> {
  const crypto = nodeCrypto();
  const token = await readTokenFile(io.env["TRUSTIX_TOKEN"] || join(state, "trustix.token"));
  const transport = httpTransport(url, {
    socketUids: config.socketOwners,
    headersFor: (procedure) => ({ [TOKEN_HEADER]: tokenHeader(crypto, token, procedure) }),
  });
  const ending = new AbortController();
  const submit = submitter(
    async () => logId,
    (method, message, signal) => transport.unary(method, message, { timeoutMs: TIMEOUT_MS, signal }),
  );
  const filter = publishFilter(config.publish);
  const open = (): Promise<Spool> => openSpool({ folder, submit, clock: systemClock, log, filter });
  const running = (async () => {
    const spool = await openWhenFree(open, log, ending.signal);
    if (spool === undefined) return;
    try {
      await spool.run(ending.signal);
    } finally {
      await spool.close();
    }
  })().catch((error: unknown) => log.error({ err: error, folder }, "the hook's spool is no longer drained"));
  return {
    async close() {
      ending.abort(new Error("the daemon ends"));
      await running;
      await transport.close();
    },
  };
}

/** `undefined`: told to end, or a spool that must not be touched. */
async function openWhenFree(open: () => Promise<Spool>, log: Logger, signal: AbortSignal): Promise<Spool | undefined> {
  let told = false;
  while (!signal.aborted) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      if (error.code !== "locked") {
        log.error({ code: error.code, hint: error.hint }, `the hook's spool is not drained: ${error.message}`);
        return undefined;
      }
      if (!told) log.info(`the hook's spool has a worker already: ${error.message}`);
      told = true;
      await pause(LOOK_AGAIN_MS, signal);
    }
  }
  return undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = systemClock.after(ms, done);
    signal.addEventListener("abort", () => (timer.cancel(), done()), { once: true });
  });
}
