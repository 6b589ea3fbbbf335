/** What the spool's worker is given, and what it reports. */
import type { Submit } from "../claim.ts";
import type { PublishFilter } from "./publish-filter.ts";

/** Time, as an argument; the daemon's clock has this shape. */
export interface SpoolClock {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, call: () => void): { cancel(): void };
}

/** Where the worker reports; pino's loggers have this shape. */
export interface SpoolLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface SpoolOptions {
  /** `defaultSpoolFolder` says which. */
  readonly folder: string;
  readonly submit: Submit;
  readonly clock: SpoolClock;
  readonly log: SpoolLog;
  /** `publishFilter` makes one. */
  readonly filter: PublishFilter;
  /** 0 up to 1, spreads retries; default `Math.random`. */
  readonly random?: () => number;
  /** Milliseconds between looks at the folder when nothing is heard from it; default 30 000. */
  readonly poll?: number;
}

export interface DrainReport {
  /** Claims the node accepted, known ones included. */
  readonly accepted: number;
  /** Store paths whose claim the log refused: another value stands there. Dropped. */
  readonly refused: readonly string[];
  /** Items of which nothing was to be published. */
  readonly skipped: number;
  /** Items set aside in `bad/`. */
  readonly bad: number;
}
