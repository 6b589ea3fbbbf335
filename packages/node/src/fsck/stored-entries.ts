/** The entries of a log as its bundles hold them, a bundle at a time. */
import { BUNDLE_ENTRIES, type LogEntry, decodeBundle } from "@trustix/merkle";
import { numberOf, rangeOf } from "../logs/keys.ts";
import type { Check } from "./fsck.ts";

export interface EntryRun {
  /** Index of the first. */
  readonly first: number;
  readonly entries: readonly LogEntry[];
}

/**
 * Every bundle in order. With `report`, bundles that cannot be read, are missing or hold too little are problems; a
 * later reading of the same bundles leaves that out.
 */
export async function* storedEntries(
  { reads, keys, findings }: Pick<Check, "reads" | "keys" | "findings">,
  report: boolean,
): AsyncGenerator<EntryRun> {
  const { from, to } = rangeOf(keys.bundles);
  let wanted = 0;
  let isLast = false;
  for await (const [key, value] of reads.range(from, to)) {
    const n = numberOf(key);
    const say = (kind: "wrong" | "missing" | "unreadable", message: string): void => {
      if (report) findings.add(kind, message);
    };
    if (n !== wanted) say("missing", `bundles ${wanted} to ${n - 1}`);
    if (isLast) say("wrong", `bundle ${wanted - 1} is not full and not the last`);
    wanted = n + 1;
    let entries: LogEntry[];
    try {
      entries = decodeBundle(value);
    } catch (error) {
      say("unreadable", `bundle ${n}: ${(error as Error).message}`);
      continue;
    }
    isLast = entries.length < BUNDLE_ENTRIES;
    yield { first: n * BUNDLE_ENTRIES, entries };
  }
}
