/**
 * A NAR as a row of events: what the reader gives and the writer takes. In order: one node; a directory is `directory`,
 * then per entry `entry` and the entry's node, then `end`; a regular file is `regular`, then `contents` up to its size.
 */
import { compareBytes, utf8 } from "@trustix/crypto";

export type NarEvent =
  | { readonly type: "directory" }
  /** Bytes, because file names need not be UTF-8. */
  | { readonly type: "entry"; readonly name: Uint8Array }
  | { readonly type: "end" }
  | { readonly type: "symlink"; readonly target: Uint8Array }
  | { readonly type: "regular"; readonly executable: boolean; readonly size: number }
  /** A piece of the file under way; a view that is valid during the call only. */
  | { readonly type: "contents"; readonly bytes: Uint8Array };

/** A tree in memory: for tests and small things. Names of a directory's entries are UTF-8 text or bytes, in any order. */
export type NarTree =
  | { readonly type: "regular"; readonly executable?: boolean; readonly contents: Uint8Array }
  | { readonly type: "symlink"; readonly target: Uint8Array | string }
  | { readonly type: "directory"; readonly entries: readonly (readonly [name: Uint8Array | string, node: NarTree])[] };

export interface NarLimits {
  /** Directories inside each other. */
  readonly maxDepth: number;
  /** Bytes of a file name. */
  readonly maxName: number;
  /** Bytes of a symlink's target. */
  readonly maxTarget: number;
  /** Bytes of the whole NAR. */
  readonly maxSize: number;
}

/** What Linux file systems hold at most; the size is only bounded by what a JavaScript number counts exactly. */
export const NAR_LIMITS: NarLimits = {
  maxDepth: 2048,
  maxName: 255,
  maxTarget: 4095,
  maxSize: Number.MAX_SAFE_INTEGER,
};

/** The events of a tree, its entries sorted as a NAR wants them. No recursion: as deep as memory allows. */
export function* eventsOf(tree: NarTree): Generator<NarEvent> {
  const waiting: (NarTree | NarEvent)[] = [tree];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.type === "regular" && "contents" in next) {
      yield { type: "regular", executable: next.executable ?? false, size: next.contents.length };
      if (next.contents.length > 0) yield { type: "contents", bytes: next.contents };
    } else if (next.type === "symlink") {
      yield { type: "symlink", target: asBytes(next.target) };
    } else if (next.type === "directory" && "entries" in next) {
      yield { type: "directory" };
      waiting.push({ type: "end" });
      const entries = next.entries.map(([name, node]) => ({ name: asBytes(name), node }));
      entries.sort((a, b) => compareBytes(b.name, a.name));
      for (const { name, node } of entries) waiting.push(node, { type: "entry", name });
    } else {
      yield next;
    }
  }
}

function asBytes(text: Uint8Array | string): Uint8Array {
  return typeof text === "string" ? utf8(text) : text;
}
