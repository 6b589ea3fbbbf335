/** What a check of the store found. Problems are data: a program can tell them apart, a person can read them. */
import type { LogId } from "@trustix/protocol";

export type ProblemKind =
  /** A record that cannot be read as what its key says. */
  | "unreadable"
  /** A record that other records call for is not there. */
  | "missing"
  /** A record that nothing calls for. */
  | "surplus"
  /** A record that is not what the entries make it. */
  | "wrong";

export interface Problem {
  /** `undefined`: it is no log's, see `StoreReport`. */
  readonly logId: LogId | undefined;
  readonly kind: ProblemKind;
  /** One sentence: which record, what came, what was wanted. */
  readonly message: string;
}

export type LogReport = LogFound & {
  readonly logId: LogId;
  /** Empty when all is well; the first so many, see `problemCount`. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
};

/** What there is of a log. */
export type LogFound = PublishedFound | CopyFound;

export interface PublishedFound {
  readonly kind: "published";
  readonly entries: number;
  readonly heads: number;
  readonly waiting: number;
  readonly refused: number;
}

/** A copy of a followed log. */
export interface CopyFound {
  readonly kind: "copy";
  readonly entries: number;
  /** Entries under the head that answers are given under; `undefined` before the first. */
  readonly served: number | undefined;
  /** Entries whose values are not here, and need not be. */
  readonly withoutValue: number;
}

/** What is stored beside the logs' own records. */
export interface StoreReport {
  readonly values: number;
  /** Held heads of followed logs. */
  readonly followed: number;
  /** Proofs of misbehaviour. */
  readonly evidence: number;
  /** What binary caches that vote said: one a cache and store path. */
  readonly answers: number;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** What is being checked, and how much of it is done. */
export type Progress = (step: string, done: number, total: number) => void;

const MAX_PROBLEMS = 100;

/** Collects the problems of one log, or of none; damage is often in many records at once, so only the first are kept. */
export class Findings {
  readonly logId: LogId | undefined;
  readonly problems: Problem[] = [];
  count = 0;

  constructor(logId: LogId | undefined) {
    this.logId = logId;
  }

  add(kind: ProblemKind, message: string): void {
    this.count++;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ logId: this.logId, kind, message });
  }

  /** For a second reading of what was reported already. */
  muted(): Findings {
    return new Findings(this.logId);
  }

  /** What `read` makes of a record; `undefined`, and a problem, where it throws. */
  reading<T>(what: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.add("unreadable", `${what}: ${(error as Error).message}`);
      return undefined;
    }
  }
}
