/** `trustix daemon`: the node, and the worker of the hook's spool if that is ours. Runs until it is told to end. */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { startDaemon } from "@trustix/node";
import { nodeCrypto, randomSeed } from "@trustix/node-crypto";
import { checkedConfig } from "../checked-config.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { drainOwnSpool } from "../daemon-spool.ts";
import { cacheVotersOf } from "../daemon-voters.ts";
import { defaultListenAddress, defaultStateFolder } from "../default-places.ts";
import { stderrLogger } from "../logger.ts";
import { tokenReloader } from "../reload-tokens.ts";
import { systemClock } from "../system-clock.ts";
import { VERSION } from "../version.ts";

/** Milliseconds for an orderly end: service managers and people expect one within 5 seconds, this process's own included. */
const END_WITHIN = 4500;

export const run: Action = async (input) => {
  const { io } = input;
  const log = stderrLogger(io);
  const state = resolve(io.cwd, input.text("state") ?? defaultStateFolder(io));
  const config = await checkedConfig(input, true);
  await mkdir(state, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new CliError(`the state folder ${state} cannot be made: ${(cause as Error).message}`, {
      hint: "--state names another one",
      cause,
    });
  });
  const interval = input.number("interval");
  const daemon = await startDaemon({
    config,
    state,
    listen: input.list("listen"),
    defaultListen: defaultListenAddress(io),
    pollIntervalMs: interval === undefined ? undefined : interval * 1000,
    env: io.env,
    pid: process.pid,
    version: VERSION,
    crypto: nodeCrypto(),
    clock: systemClock,
    random: Math.random,
    randomSeed,
    log,
    openCacheVoters: cacheVotersOf(config, log),
  });
  const spool = await drainOwnSpool({ io, config, daemon, log });
  const reload = tokenReloader({ read: () => checkedConfig(input, true), running: config, daemon, log });
  io.onHangup(() => void reload());
  log.info({ version: VERSION, state, config: config.path }, "ready");
  await ended(io.signal);
  log.info("ending");
  const closed = spool.close().then(() => daemon.close());
  const late = new Promise<"late">((settle) => setTimeout(settle, END_WITHIN, "late").unref());
  if ((await Promise.race([closed, late])) !== "late") return EXIT.done;
  log.error("not ended in time: what was acknowledged is on disk, the rest is given up");
  return EXIT.failed;
};

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
