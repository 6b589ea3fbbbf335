/** Evidence in one sentence for a person, and what it is about. */
import { toHex, utf8 } from "@trustix/crypto";
import type { LogHead } from "@trustix/protocol";
import { parseMapEntry } from "@trustix/protocol";
import { storePathOf } from "./cache-contradictions.ts";
import type { Contradiction } from "./evidence.ts";

export function describeEvidence(evidence: Contradiction): string {
  switch (evidence.kind) {
    case "same_size": {
      const { first, second } = evidence;
      return `two signed heads of size ${first.treeSize} differ (${brief(first)} and ${brief(second)})`;
    }
    case "map_heads_missing": {
      const { first, second } = evidence;
      return (
        `the head of size ${second.treeSize} has ${second.mhTreeSize} map heads, ` +
        `the one of size ${first.treeSize} already had ${first.mhTreeSize}`
      );
    }
    case "log_rewritten": {
      const { first, second } = evidence;
      return `the log of size ${second.treeSize} does not begin with the one of size ${first.treeSize}`;
    }
    case "map_heads_rewritten": {
      const { first, second } = evidence;
      return `the map heads under size ${second.treeSize} do not begin with those under size ${first.treeSize}`;
    }
    case "map_root":
      return `the head of size ${evidence.first.treeSize} names another map root than its own list of map heads`;
    case "map_entry_differs": {
      const { head, key, entry, leaf } = evidence;
      const there = leaf === undefined ? "does not reach so far" : "has another entry there";
      return `under the head of size ${head.treeSize} the map names entry ${indexIn(entry)} for ${keyText(key)}, and the log ${there}`;
    }
    case "key_twice": {
      const [first, second] = evidence.entries;
      return `the log of size ${evidence.head.treeSize} holds ${keyText(evidence.key)} twice, as entries ${first.index} and ${second.index}`;
    }
    case "key_missing_in_map": {
      const { head, key, entry } = evidence;
      return `under the head of size ${head.treeSize} entry ${entry.index} of the log is ${keyText(key)}, and the map has no such key`;
    }
    case "cache_key_signed_two":
      return `the key signed two different answers for ${storePathOf(evidence) ?? "a path that cannot be read"}`;
  }
}

/**
 * What the evidence is about, if one proof about it is enough: the key of a log's entry, the store path of a cache's
 * answers. Two heads are about nothing but themselves.
 */
export function evidenceSubject(evidence: Contradiction): Uint8Array | undefined {
  if ("key" in evidence) return evidence.key;
  if (evidence.kind !== "cache_key_signed_two") return undefined;
  const path = storePathOf(evidence);
  return path === undefined ? undefined : utf8(path);
}

function brief(head: LogHead): string {
  return toHex(head.logRoot).slice(0, 8);
}

function indexIn(entry: Uint8Array): string {
  try {
    return String(parseMapEntry(entry).index);
  } catch {
    return "?";
  }
}

const SHOWN_BYTES = 255;

/** Store paths as they are, other bytes in hex. */
function keyText(key: Uint8Array): string {
  const start = key.subarray(0, SHOWN_BYTES);
  const dots = key.length > SHOWN_BYTES ? "…" : "";
  const isText = start.length > 0 && start.every((byte) => byte > 0x20 && byte < 0x7f);
  return isText
    ? `${String.fromCharCode(...start)}${dots}`
    : `key ${toHex(start.subarray(0, 32))}${key.length > 32 ? "…" : ""}`;
}
