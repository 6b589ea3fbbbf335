/**
 * The contract between a bench (`bench/*.bench.ts`, one process each) and the collector (`bench/run.ts`): every figure
 * is one JSON line on stdout. Anything for a person to read goes to stderr.
 *
 *     report({ name: "flush, 50 000 waiting", value: 50_000 / seconds, unit: "entries/s", better: "more",
 *              target: 100_000, diskShare: 0.01, how: "memory → classic-level, sync, one flush, median of 3" });
 *
 * Targets are stated for one machine, on which `REFERENCE` was measured. The collector measures the same two costs right
 * before and after each bench and judges every figure against its target scaled by them.
 */
export interface Figure {
  /** Short, unique over all benches, and stable: the history is keyed by it. */
  readonly name: string;
  readonly value: number;
  /** `entries/s`, `ms`, `B/entry`, `MB`, or `x` for a ratio. */
  readonly unit: string;
  /** Which way is better: `more` for rates and ratios, `less` for times and sizes. */
  readonly better: "more" | "less";
  /** As asked for the reference machine; a figure without one is only recorded. */
  readonly target?: number;
  /**
   * How the target scales to this machine. Left out: with the cost of a hash, `diskShare` of it with the cost of a disk
   * sync. `none` for sizes, memory and ratios within one run.
   */
  readonly scale?: "time" | "none";
  /** The part (0..1) of the measured time that disk syncs take on the reference machine; 0 when left out. */
  readonly diskShare?: number;
  /** One sentence: what was measured, over how much, how often. */
  readonly how: string;
}

/** What the two basic costs were on the machine that the targets are meant for. */
export const REFERENCE = {
  /** SHA-256 of the 65 bytes of a tree node, from JavaScript, in nanoseconds. */
  hashNs: 320,
  /** Write of 4 KiB at the end of a file, and fdatasync, in milliseconds. */
  syncMs: 0.34,
} as const;

const MARK = "figure ";

/** Hands one figure to the collector. */
export function report(figure: Figure): void {
  process.stdout.write(`${MARK}${JSON.stringify(figure)}\n`);
}

/** The figure in a line of a bench's stdout; `undefined` for any other line. Throws on a broken figure. */
export function figureOf(line: string): Figure | undefined {
  if (!line.startsWith(MARK)) return undefined;
  const figure = JSON.parse(line.slice(MARK.length)) as Partial<Figure>;
  if (typeof figure.name !== "string" || typeof figure.unit !== "string" || typeof figure.how !== "string")
    throw new TypeError(`a figure needs name, unit and how, got ${line}`);
  if (!Number.isFinite(figure.value)) throw new TypeError(`figure "${figure.name}" needs a finite value, got ${line}`);
  if (figure.better !== "more" && figure.better !== "less")
    throw new TypeError(`figure "${figure.name}" needs better: "more" or "less", got ${line}`);
  return figure as Figure;
}

/** The middle of the values (the lower one of two). Throws on none. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
  if (middle === undefined) throw new RangeError("median of no values");
  return middle;
}
