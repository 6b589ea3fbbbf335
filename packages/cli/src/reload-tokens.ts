/**
 * SIGHUP: whose calls the daemon believes is read again, and nothing else. A configuration that cannot be used changes
 * nothing; what else changed in a good one is named, because it counts after a restart only.
 */
import { isDeepStrictEqual } from "node:util";
import type { Config, Daemon } from "@trustix/node";
import type { Logger } from "pino";

export interface ReloadOptions {
  /** Reads the configuration as at the start. */
  readonly read: () => Promise<Config>;
  /** What the daemon was started with. */
  readonly running: Config;
  readonly daemon: Pick<Daemon, "reloadTokens">;
  readonly log: Logger;
}

/** What a signal calls. Never throws; one reading after the other. */
export function tokenReloader({ read, running, daemon, log }: ReloadOptions): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(async () => {
      try {
        const config = await read();
        await daemon.reloadTokens(config);
        log.info({ config: config.path }, "tokens read again");
        const waiting = changedBeside(running, config);
        if (waiting.length > 0) log.warn({ changed: waiting }, "changed too, and in force after a restart only");
      } catch (error) {
        const [why, hint] = [(error as Error).message, (error as { hint?: unknown }).hint];
        log.error({ why, hint }, "tokens stay as they were: what should be read cannot be used");
      }
    });
    return last;
  };
}

/** Keys of the configuration, as a file spells them. */
function changedBeside(running: Config, read: Config): string[] {
  const left: readonly string[] = ["writeTokens", "peerTokens", "warnings", "path"];
  const keys = Object.keys(read).filter((key) => !left.includes(key)) as (keyof Config)[];
  return keys
    .filter((key) => !isDeepStrictEqual(running[key], read[key]))
    .map((key) => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/-ms$/, ""));
}
