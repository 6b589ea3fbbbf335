/** Collects what is found while a file is resolved, so that a person hears of all of it at once. */
import { ProtocolError } from "@trustix/protocol";
import { AddressError } from "./addresses.ts";
import { nearest } from "./nearest.ts";
import { isShown, keyPath, type Problem } from "./problems.ts";

export interface Findings {
  readonly problems: Problem[];
  readonly warnings: string[];
  problem(path: readonly PropertyKey[], message: string, hint?: string): void;
  warn(path: readonly PropertyKey[], message: string): void;
  /** "Did you mean" for the next problem; `undefined` also once that would not be shown. */
  nearest(word: string, known: readonly string[]): string | undefined;
  /** The result of `read`, or `undefined` after noting why it threw. `secret` keeps the thrown text out of the note. */
  attempt<T>(path: readonly PropertyKey[], read: () => T, secret?: string): T | undefined;
}

export function newFindings(): Findings {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const problem = (path: readonly PropertyKey[], message: string, hint?: string): void => {
    problems.push({ key: keyPath(path), message, ...(hint !== undefined && { hint }) });
  };
  return {
    problems,
    warnings,
    problem,
    warn: (path, message) => void warnings.push(`${keyPath(path)}: ${message}`),
    nearest: (word, known) => (isShown(problems) ? nearest(word, known) : undefined),
    attempt(path, read, secret) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof ProtocolError || error instanceof AddressError)) throw error;
        problem(path, secret ?? error.message);
        return undefined;
      }
    },
  };
}
