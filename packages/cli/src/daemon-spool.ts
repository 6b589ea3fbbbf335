/**
 * The hook's spool, drained by the daemon: if it publishes one log of the Nix protocol, and the spool is its own user's.
 * A spool that cannot be had never keeps the daemon from running; it says why and goes on.
 */
import { lstat } from "node:fs/promises";
import { defaultSpoolFolder, openSpoolWhenFree, publishFilter, SpoolError, type Submit } from "@trustix/nix";
import { NodeError, type Config, type Daemon, type Publisher } from "@trustix/node";
import { NIX } from "@trustix/protocol";
import type { Logger } from "pino";
import type { Io } from "./command.ts";
import { systemClock } from "./system-clock.ts";

export interface DaemonSpoolOptions {
  readonly io: Io;
  readonly config: Config;
  readonly daemon: Daemon;
  readonly log: Logger;
}

export interface DaemonSpool {
  /** Ends the worker; what it was submitting stays in the spool. */
  close(): Promise<void>;
}

const NOTHING: DaemonSpool = { close: async () => undefined };

export async function drainOwnSpool(options: DaemonSpoolOptions): Promise<DaemonSpool> {
  const { io, config, daemon, log } = options;
  const logs = config.publishers.filter(({ info }) => info.protocol.id === NIX.id);
  if (logs.length === 0) return NOTHING;
  const folder = defaultSpoolFolder({ ...io.env }, io.uid);
  const stat = await lstat(folder).catch(() => undefined);
  if (stat !== undefined && stat.uid !== io.uid) {
    log.info({ folder, owner: stat.uid }, "the hook's spool is another user's: `trustix-nix spool` drains it there");
    return NOTHING;
  }
  const publisher = daemon.publishers.get(logs[0]!.info.id);
  if (logs.length > 1 || publisher === undefined) {
    log.warn(
      { folder },
      "the hook's spool is not drained: several Nix logs are published; run `trustix-nix spool --log-id ID`",
    );
    return NOTHING;
  }
  return runWorker(options, folder, publisher);
}

async function runWorker(
  { config, log }: DaemonSpoolOptions,
  folder: string,
  publisher: Publisher,
): Promise<DaemonSpool> {
  const ending = new AbortController();
  const submit = submitTo(publisher);
  const filter = publishFilter(config.publish);
  const running = (async () => {
    const spool = await openSpoolWhenFree({ folder, submit, clock: systemClock, log, filter }, ending.signal);
    if (spool === undefined) return;
    try {
      await spool.run(ending.signal);
    } finally {
      await spool.close();
    }
  })().catch((error: unknown) => {
    if (error instanceof SpoolError) {
      log.error({ code: error.code, hint: error.hint }, `the hook's spool is not drained: ${error.message}`);
    } else log.error({ err: error, folder }, "the hook's spool is no longer drained");
  });
  return {
    async close() {
      ending.abort(new Error("the daemon ends"));
      await running;
    },
  };
}

/** Claims to a publisher of this process. */
function submitTo(publisher: Publisher): Submit {
  return async (claims) => {
    try {
      const { refused } = await publisher.submit(claims);
      return { state: "accepted", refused };
    } catch (error) {
      const never = error instanceof NodeError && (error.code === "invalid_argument" || error.code === "too_large");
      if (!never) throw error;
      return { state: "invalid", why: error.message };
    }
  };
}
