/**
 * How far a long work is, at which rate, and how long it may take yet: `4 000 of 10 000 (40 %), 2 000/s, 3 s left`; and how
 * that is told: a bar to a person who watches, a line now and then to a log.
 */
import type { Io } from "./command.ts";
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
  const rate = (1000 * done) / ms;
  return `${so}, ${rate < 1 ? `${figure(60 * rate)}/min` : `${figure(rate)}/s`}, ${lasting((ms * (1 - share)) / share)} left`;
}

const BAR_CELLS = 20;

/** `[########............]`; `share`: 0..1, and what a stranger says beyond that is cut. */
export function barOf(share: number): string {
  const cells = Math.floor(BAR_CELLS * Math.min(1, Math.max(0, share)));
  return `[${"#".repeat(cells).padEnd(BAR_CELLS, ".")}]`;
}

/** Milliseconds between two lines. */
const LINE_MS = 5_000;

/** What is told of each step of one work. Both are made only when they are shown. */
export interface Told {
  readonly bar: () => string;
  readonly lines: () => readonly string[];
}

/** For one work, from now on. */
export function teller(io: Pick<Io, "watched" | "progress" | "note" | "now">): (told: Told) => void {
  let next = io.now() + LINE_MS;
  return ({ bar, lines }) => {
    if (io.watched) return io.progress(bar());
    if (io.now() < next) return;
    next = io.now() + LINE_MS;
    for (const line of lines()) io.note(`trustix: ${line}`);
  };
}
