/**
 * For workers that stay: a spool that has a worker is asked for again every now and then, so that somebody takes over when
 * that one dies. It is told once that the place is taken, and once that it was taken over.
 */
import { Bell } from "./bell.ts";
import { SpoolError } from "./spool-error.ts";
import type { SpoolOptions } from "./spool-options.ts";
import { openSpool, type Spool } from "./spool-worker.ts";

const LOOK_AGAIN_MS = 30_000;

/** `undefined`: `signal` aborted first. Throws `SpoolError`: `unsafe`, `unusable`. */
export async function openSpoolWhenFree(options: SpoolOptions, signal: AbortSignal): Promise<Spool | undefined> {
  const { folder, clock, log } = options;
  const bell = new Bell(clock, signal);
  // The clock's timers need not keep a process alive; waiting for the place does.
  const alive = setInterval(() => undefined, 2 ** 30);
  let told = false;
  try {
    while (!signal.aborted) {
      try {
        const spool = await openSpool(options);
        if (told) log.info({ folder }, "the spool's worker is gone: this process drains it now");
        return spool;
      } catch (error) {
        if (!(error instanceof SpoolError) || error.code !== "locked") throw error;
        if (!told) log.info({ folder }, `${error.message}: this process takes over when that one ends`);
        told = true;
      }
      await bell.wait(LOOK_AGAIN_MS, false);
    }
    return undefined;
  } finally {
    clearInterval(alive);
  }
}
