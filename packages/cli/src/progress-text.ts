/** How far a long work is, at which rate, and how long it may take yet: `4 000 of 10 000 (40 %), 2 000/s, 3 s left`. */
import { lasting } from "./words.ts";

/** Digits in threes. */
export function figure(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

export interface Step {
  /** What has been done. */
  readonly done: number;
  /** 0..1 of the whole. */
  readonly share: number;
  /** `undefined`: nobody knows. */
  readonly total: number | undefined;
  /** Milliseconds since it began. */
  readonly ms: number;
}

export function progressText({ done, share, total, ms }: Step): string {
  const so = `${figure(done)}${total === undefined ? "" : ` of ${figure(total)}`} (${Math.floor(100 * share)} %)`;
  // Of the first moments nothing can be told.
  if (ms < 500 || share <= 0) return so;
  return `${so}, ${figure((1000 * done) / ms)}/s, ${lasting((ms * (1 - share)) / share)} left`;
}
