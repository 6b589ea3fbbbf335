/**
 * Which pages a version is the last to need. The list is written by its successor, which replaced them; deleting them is
 * right once that version and all before it are retired.
 *
 * A list is `u8 length || key without its prefix`, repeated.
 */
import type { Needs, RecordChange } from "../needs.ts";
import { SparseMapError } from "./errors.ts";
import type { MapKeys } from "./keys.ts";
import type { MapState } from "./state.ts";

export function encodeGarbage(keys: MapKeys, pages: readonly Uint8Array[]): Uint8Array {
  const rests = pages.map((key) => keys.withoutPrefix(key));
  const list = new Uint8Array(rests.reduce((sum, rest) => sum + 1 + rest.length, 0));
  let at = 0;
  for (const rest of rests) {
    list[at] = rest.length;
    list.set(rest, at + 1);
    at += 1 + rest.length;
  }
  return list;
}

/** Keys of the listed pages. Throws `bad_record` for anything that is not a list of pages: it names what is deleted. */
export function decodeGarbage(keys: MapKeys, list: Uint8Array): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < list.length;) {
    const length = list[at]!;
    const rest = list.subarray(at + 1, at + 1 + length);
    if (rest.length !== length || !keys.isPage(rest)) {
      throw new SparseMapError("bad_record", `a garbage list names something else than a page at byte ${at}`);
    }
    pages.push(keys.withPrefix(rest));
    at += 1 + length;
  }
  return pages;
}

/** Deletes what only these versions needed; see the head of this file. */
export function* retirePages(state: MapState, versions: readonly number[]): Needs<RecordChange[]> {
  const current = state.at?.version ?? -1;
  for (const version of versions) {
    if (version < current) continue;
    throw new SparseMapError("bad_argument", `version ${version} is not older than the map, which is at ${current}`);
  }
  const keys = versions.map((version) => state.keys.garbage(version));
  const held = versions.map((version) => state.garbage.get(version)?.list);
  const asked = keys.filter((_, i) => held[i] === undefined);
  const answer = asked.length === 0 ? [] : yield { kind: "get", keys: asked };
  let next = 0;
  const changes: RecordChange[] = [];
  for (const [i, key] of keys.entries()) {
    const list = held[i] ?? answer[next++];
    // A version whose successor replaced no page has no list.
    if (list === undefined) continue;
    for (const page of decodeGarbage(state.keys, list)) changes.push([page, undefined]);
    changes.push([key, undefined]);
  }
  return changes;
}
