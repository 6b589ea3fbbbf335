/** What `trustix doctor` finds: what was looked at, what was found, how bad it is, and exactly what mends it. */

export const GROUPS = [
  "configuration",
  "keys",
  "clocks",
  "reachability",
  "head age",
  "Nix client",
  "hook",
  "spool",
  "other ways in",
] as const;
export type Group = (typeof GROUPS)[number];

/** `note`: worth knowing. `warning`: works, and may not for long or not as meant. `wrong`: does not do what it should. */
export type Severity = "ok" | "note" | "warning" | "wrong";

export interface Finding {
  readonly group: Group;
  readonly severity: Severity;
  /** What was looked at. */
  readonly looked: string;
  /** What was found, a sentence. */
  readonly found: string;
  readonly mend?: Mend | undefined;
}

export interface Mend {
  /** Lines of files, before the commands. */
  readonly edits?: readonly Edit[];
  /** For a shell, in their order. */
  readonly run?: readonly string[];
  /** What neither says. */
  readonly note?: string;
}

export interface Edit {
  readonly file: string;
  /** Lines to take out, as they stand there. */
  readonly remove: readonly string[];
  /** Lines to put at its end. */
  readonly add: readonly string[];
}

/** The same group all along. */
export function findingsOf(group: Group): (severity: Severity, looked: string, found: string, mend?: Mend) => Finding {
  return (severity, looked, found, mend) => ({
    group,
    severity,
    looked,
    found,
    ...(mend !== undefined && { mend }),
  });
}
