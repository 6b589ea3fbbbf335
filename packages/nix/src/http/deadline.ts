/** A signal that aborts after a time, or with another signal. `settle` when the work is done, or the timer goes on. */
import type { Clock } from "../clock.ts";

export interface Deadline {
  readonly signal: AbortSignal;
  /** True once the time is over. */
  readonly over: () => boolean;
  settle(): void;
}

export function deadline(clock: Clock, ms: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController();
  let over = false;
  const timer = clock.after(ms, () => {
    over = true;
    controller.abort(new Error(`no answer within ${ms} ms`));
  });
  const follow = () => controller.abort(outer?.reason);
  if (outer?.aborted) follow();
  else outer?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    over: () => over,
    settle: () => {
      timer.cancel();
      outer?.removeEventListener("abort", follow);
    },
  };
}

/** `work`, or a rejection with the signal's reason as soon as it aborts: for work that may not heed its signal. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Resolves after `ms`; rejects with the signal's reason when that aborts first. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  let timer: { cancel(): void } | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = clock.after(ms, resolve);
  });
  return unlessAborted(signal, waited).finally(() => timer?.cancel());
}
