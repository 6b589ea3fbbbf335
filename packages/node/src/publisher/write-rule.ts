/**
 * The write rule: a key is written once. The same value again changes nothing; another value is refused, and the first
 * one stands. The map's old roots are recomputed from today's buckets on the strength of this rule, so it is applied
 * twice: at submit, to tell the submitter, and at flush, so that nothing can come past it.
 */
import { equalBytes } from "@trustix/crypto";
import type { Hash } from "@trustix/protocol";
import type { PreparedItem } from "../logs/prepare-items.ts";

export interface Verdict {
  /** New keys, each once, in order. */
  readonly accepted: PreparedItem[];
  readonly refused: { readonly item: PreparedItem; readonly standing: Hash }[];
}

/** `standingOf` gives the digest that stands for an item's key; earlier items of the same call stand before later ones. */
export function applyWriteRule(
  items: readonly PreparedItem[],
  standingOf: (item: PreparedItem, at: number) => Hash | undefined,
): Verdict {
  const verdict: Verdict = { accepted: [], refused: [] };
  const accepted = new Map<string, PreparedItem>();
  for (const [at, item] of items.entries()) {
    const standing = standingOf(item, at) ?? accepted.get(item.name)?.digest;
    if (standing === undefined) {
      verdict.accepted.push(item);
      accepted.set(item.name, item);
    } else if (!equalBytes(standing, item.digest)) verdict.refused.push({ item, standing });
  }
  return verdict;
}
