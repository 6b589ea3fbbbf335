/**
 * Entry bundles, as in C2SP tlog-tiles: up to 256 entries, each `u16be length || entry`. Our entry is
 * `key || ":" || valueDigest`, so a key has at most 65 502 bytes. Only the last bundle of a log is partial.
 */
import type { RecordChange } from "../needs.ts";
import { LogTreeError } from "./errors.ts";
import { HASH_BYTES } from "./hashes.ts";
import { TILE_WIDTH, checkSize, writeU48 } from "./tiles.ts";

export const BUNDLE_ENTRIES = TILE_WIDTH;
export const MAX_KEY_BYTES = 65_535 - 1 - HASH_BYTES;

const COLON = 0x3a;

export interface LogEntry {
  readonly key: Uint8Array;
  /** 32 bytes. */
  readonly valueDigest: Uint8Array;
}

/** `prefix || u48be n`: the store key of the bundle with entries `256 n` to `256 n + 255`. */
export function bundleKey(prefix: Uint8Array, n: number): Uint8Array {
  const key = new Uint8Array(prefix.length + 6);
  key.set(prefix);
  writeU48(key, prefix.length, n);
  return key;
}

/** Bytes of a bundle with these entries, at most 256. Throws `LogTreeError`. */
export function encodeBundle(entries: readonly LogEntry[]): Uint8Array {
  return encodeAfter(new Uint8Array(0), 0, entries);
}

/** A partial bundle's bytes with more entries after those it has. Throws `LogTreeError` above 256 in all. */
export function appendToBundle(bundle: Uint8Array, entries: readonly LogEntry[]): Uint8Array {
  return encodeAfter(bundle, countEntries(bundle), entries);
}

/** The entries of a bundle, in order; views into `bundle`. Throws `LogTreeError` for anything that is not one. */
export function decodeBundle(bundle: Uint8Array): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = entryEnd(bundle, at, entries.length);
    const colon = end - HASH_BYTES - 1;
    if (colon < at + 2 || bundle[colon] !== COLON) {
      throw new LogTreeError("bad_record", `bundle entry ${entries.length} is not key, colon and digest`);
    }
    entries.push({ key: bundle.subarray(at + 2, colon), valueDigest: bundle.subarray(colon + 1, end) });
    at = end;
  }
  return entries;
}

/**
 * The bundles to write when `entries` are appended to a log of `size` entries. `last` is the stored partial bundle, if
 * there is one; it may hold entries of a larger log, those are left out.
 */
export function bundleChanges(
  prefix: Uint8Array,
  size: number,
  last: Uint8Array | undefined,
  entries: readonly LogEntry[],
): RecordChange[] {
  checkSize(size, "a log size");
  const held = size % BUNDLE_ENTRIES;
  if (held > 0 && last === undefined) {
    throw new LogTreeError("missing_record", `a log of ${size} entries has a partial bundle, none was given`);
  }
  let head = held === 0 ? new Uint8Array(0) : last!.subarray(0, firstEntriesEnd(last!, held));
  let count = held;
  const changes: RecordChange[] = [];
  for (let from = 0, n = Math.floor(size / BUNDLE_ENTRIES); from < entries.length; n++) {
    const take = Math.min(BUNDLE_ENTRIES - count, entries.length - from);
    changes.push([bundleKey(prefix, n), encodeAfter(head, count, entries.slice(from, from + take))]);
    from += take;
    head = new Uint8Array(0);
    count = 0;
  }
  return changes;
}

function encodeAfter(head: Uint8Array, count: number, entries: readonly LogEntry[]): Uint8Array {
  if (count + entries.length > BUNDLE_ENTRIES) {
    throw new LogTreeError("bad_entry", `a bundle has at most 256 entries, not ${count + entries.length}`);
  }
  let length = head.length;
  for (const { key, valueDigest } of entries) {
    if (key.length > MAX_KEY_BYTES) {
      throw new LogTreeError("bad_entry", `a key has at most ${MAX_KEY_BYTES} bytes, got ${key.length}`);
    }
    if (valueDigest.length !== HASH_BYTES) {
      throw new LogTreeError("bad_entry", `a value digest has 32 bytes, got ${valueDigest.length}`);
    }
    length += 2 + key.length + 1 + HASH_BYTES;
  }
  const out = new Uint8Array(length);
  out.set(head);
  let at = head.length;
  for (const { key, valueDigest } of entries) {
    const entryBytes = key.length + 1 + HASH_BYTES;
    out[at] = entryBytes >> 8;
    out[at + 1] = entryBytes & 255;
    out.set(key, at + 2);
    out[at + 2 + key.length] = COLON;
    out.set(valueDigest, at + 3 + key.length);
    at += 2 + entryBytes;
  }
  return out;
}

function countEntries(bundle: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bundle.length; count++) at = entryEnd(bundle, at, count);
  return count;
}

/** Where the first `count` entries end. */
function firstEntriesEnd(bundle: Uint8Array, count: number): number {
  let at = 0;
  for (let i = 0; i < count; i++) at = entryEnd(bundle, at, i);
  return at;
}

function entryEnd(bundle: Uint8Array, at: number, number: number): number {
  if (number >= BUNDLE_ENTRIES) throw new LogTreeError("bad_record", "a bundle has more than 256 entries");
  const end = at + 2 + bundle[at]! * 256 + (bundle[at + 1] ?? 0);
  if (at + 2 > bundle.length || end > bundle.length) {
    throw new LogTreeError("bad_record", `bundle entry ${number} runs past the end (${bundle.length} bytes)`);
  }
  return end;
}
