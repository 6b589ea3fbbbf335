/**
 * The order of events in a NAR, checked: one place for reader and writer. Names of a directory strictly increase in byte
 * order; none is empty, `.`, `..`, or contains `/` or NUL. No recursion, so depth costs memory only, and is bounded.
 */
import { compareBytes } from "@trustix/crypto";
import type { NarEvent, NarLimits } from "./events.ts";

/** Why an event may not come here; `undefined` when it may. */
export type Complaint = string | undefined;

type Expected = "node" | "contents" | "entries" | "nothing";

export class NarOrder {
  /** What may come next. */
  expected: Expected = "node";
  /** Bytes of the file under way that have not come yet. */
  remaining = 0;
  readonly #limits: NarLimits;
  /** The last entry's name in each open directory. */
  readonly #lastNames: (Uint8Array | undefined)[] = [];

  constructor(limits: NarLimits) {
    this.#limits = limits;
  }

  get depth(): number {
    return this.#lastNames.length;
  }

  /** Takes an event if it may come here. */
  take(event: NarEvent): Complaint {
    switch (event.type) {
      case "entry":
        return this.expected === "entries" ? this.#takeEntry(event.name) : "an entry outside of a directory";
      case "end":
        if (this.expected !== "entries") return "the end of a directory that is not open";
        this.#lastNames.pop();
        this.#nodeDone();
        return undefined;
      case "contents":
        if (this.expected !== "contents" || event.bytes.length > this.remaining)
          return "more contents than the file has";
        this.remaining -= event.bytes.length;
        if (this.remaining === 0) this.#nodeDone();
        return undefined;
      default:
        return this.expected === "node" ? this.#takeNode(event) : `a ${event.type} where none may stand`;
    }
  }

  #takeNode(event: Extract<NarEvent, { type: "directory" | "symlink" | "regular" }>): Complaint {
    if (event.type === "directory") {
      if (this.depth >= this.#limits.maxDepth)
        return `more than ${this.#limits.maxDepth} directories inside each other`;
      this.#lastNames.push(undefined);
      this.expected = "entries";
    } else if (event.type === "regular" && event.size > 0) {
      this.remaining = event.size;
      this.expected = "contents";
    } else if (event.type === "symlink" && !isTarget(event.target, this.#limits.maxTarget)) {
      return `a symlink's target must have 1 to ${this.#limits.maxTarget} bytes and no NUL`;
    } else {
      this.#nodeDone();
    }
    return undefined;
  }

  #takeEntry(name: Uint8Array): Complaint {
    if (name.length === 0) return "an empty file name";
    if (name.length > this.#limits.maxName)
      return `a file name of ${name.length} bytes, at most ${this.#limits.maxName} wanted`;
    if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)))
      return 'the file name "." or ".."';
    if (name.includes(SLASH) || name.includes(0)) return 'a file name with "/" or NUL';
    const last = this.#lastNames.at(-1);
    if (last !== undefined) {
      const order = compareBytes(last, name);
      if (order === 0) return "a file name twice in one directory";
      if (order > 0) return "file names that are not sorted";
    }
    this.#lastNames[this.#lastNames.length - 1] = name;
    this.expected = "node";
    return undefined;
  }

  #nodeDone(): void {
    this.expected = this.depth === 0 ? "nothing" : "entries";
  }
}

const DOT = 0x2e;
const SLASH = 0x2f;

function isTarget(target: Uint8Array, max: number): boolean {
  return target.length > 0 && target.length <= max && !target.includes(0);
}
