/**
 * Reads a NAR that comes in chunks of any size: checks every rule of the format, hashes, and gives events.
 *
 *     nar = str("nix-archive-1") obj;  obj = str("(") str("type") ... str(")");  str(s) = u64le(length) s, zero-padded to 8
 *
 * Holds one string at most (a name or target, bounded by `NarLimits`); contents are passed on as views. Work is linear in
 * the bytes. After an error the reader is dead: it repeats the error.
 */
import type { Crypto, Sha256 } from "@trustix/crypto";
import { NixFormatError } from "../error.ts";
import { NAR_LIMITS, type NarEvent, type NarLimits } from "./events.ts";
import { NarOrder } from "./grammar.ts";

export interface NarReaderOptions {
  readonly onEvent?: (event: NarEvent) => void;
  readonly limits?: Partial<NarLimits>;
}

export interface NarSummary {
  /** 32 bytes. */
  readonly narHash: Uint8Array;
  /** Bytes. */
  readonly narSize: number;
}

/** What the next string must be: a fixed word, one of several words, or free bytes of a bounded length. */
type State =
  | "magic"
  | "open"
  | "type"
  | "kind"
  | "regular: executable or contents"
  | "regular: empty"
  | "regular: contents"
  | "regular: data"
  | "symlink: target"
  | "symlink: value"
  | "directory: entry or )"
  | "entry: ("
  | "entry: name"
  | "entry: value"
  | "entry: node"
  | "entry: )"
  | "close"
  | "done";

/** The longest fixed word of the format. */
const MAX_WORD = 13;

export class NarReader {
  readonly #hash: Sha256;
  readonly #order: NarOrder;
  readonly #limits: NarLimits;
  readonly #onEvent: (event: NarEvent) => void;
  #state: State = "magic";
  #executable = false;
  /** Bytes seen before the chunk under way. */
  #before = 0;
  /** Length field, or a short string with its padding, as it comes in. */
  readonly #held: Uint8Array;
  #filled = 0;
  #phase: "length" | "string" | "contents" | "padding" = "length";
  #length = 0;
  #left = 0;
  #failed: NixFormatError | undefined;

  constructor(crypto: Crypto, options: NarReaderOptions = {}) {
    this.#hash = crypto.sha256Stream();
    this.#limits = { ...NAR_LIMITS, ...options.limits };
    this.#order = new NarOrder(this.#limits);
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#held = new Uint8Array(padded(Math.max(this.#limits.maxName, this.#limits.maxTarget, MAX_WORD)));
  }

  /** Throws `NixFormatError` naming the byte. */
  push(chunk: Uint8Array): void {
    if (this.#failed) throw this.#failed;
    this.#hash.update(chunk);
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "done") this.#fail(at, "data after the end of the archive");
      at = this.#take(chunk, at);
    }
    this.#before += chunk.length;
    if (this.#before > this.#limits.maxSize) this.#fail(0, `more than ${this.#limits.maxSize} bytes`);
  }

  /** The whole NAR's hash and size. Throws `NixFormatError` if it is not complete. */
  finish(): NarSummary {
    if (this.#failed) throw this.#failed;
    if (this.#state !== "done") this.#fail(0, `the archive ends early, in state "${this.#state}"`);
    return { narHash: this.#hash.digest(), narSize: this.#before };
  }

  #fail(at: number, why: string): never {
    this.#failed = new NixFormatError("nar", `byte ${this.#before + at}`, why);
    throw this.#failed;
  }

  /** Takes what it can from `chunk` at `at`, at least one byte; the new position. */
  #take(chunk: Uint8Array, at: number): number {
    if (this.#phase === "contents") {
      const end = Math.min(chunk.length, at + this.#left);
      this.#left -= end - at;
      this.#emit(at, { type: "contents", bytes: chunk.subarray(at, end) });
      if (this.#left === 0) this.#contentsDone();
      return end;
    }
    const wanted = this.#phase === "length" ? 8 : this.#phase === "padding" ? this.#left : padded(this.#length);
    const end = Math.min(chunk.length, at + wanted - this.#filled);
    this.#held.set(chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    if (this.#filled < wanted) return end;
    this.#filled = 0;
    if (this.#phase === "length") this.#lengthCame(end);
    else this.#stringCame(end, wanted);
    return end;
  }

  #lengthCame(at: number): void {
    const view = new DataView(this.#held.buffer);
    const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
    if (length > Number.MAX_SAFE_INTEGER) this.#fail(at - 8, "a length over 2^53");
    if (this.#state === "regular: data") {
      if (this.#before + at + length > this.#limits.maxSize) {
        this.#fail(at - 8, `a file of ${length} bytes in an archive of at most ${this.#limits.maxSize}`);
      }
      this.#length = length;
      this.#left = length;
      this.#emit(at, { type: "regular", executable: this.#executable, size: length });
      if (length > 0) this.#phase = "contents";
      else this.#state = "close";
      return;
    }
    const max =
      this.#state === "entry: value"
        ? this.#limits.maxName
        : this.#state === "symlink: value"
          ? this.#limits.maxTarget
          : MAX_WORD;
    if (length > max) this.#fail(at - 8, `a string of ${length} bytes where at most ${max} may stand`);
    this.#length = length;
    this.#phase = "string";
    if (length === 0) this.#stringCame(at, 0);
  }

  #contentsDone(): void {
    this.#state = "close";
    this.#left = padded(this.#length) - this.#length;
    this.#phase = this.#left > 0 ? "padding" : "length";
  }

  #stringCame(at: number, held: number): void {
    const from = this.#phase === "padding" ? 0 : this.#length;
    for (let i = from; i < held; i++) if (this.#held[i] !== 0) this.#fail(at - held + i, "padding that is not zero");
    const wasPadding = this.#phase === "padding";
    this.#phase = "length";
    if (!wasPadding) this.#advance(at, this.#held.slice(0, this.#length));
  }

  #advance(at: number, string: Uint8Array): void {
    const word = string.length <= MAX_WORD ? String.fromCharCode(...string) : "";
    const choose = (choices: Readonly<Record<string, State>>): State => {
      if (Object.hasOwn(choices, word)) return choices[word]!;
      const wanted = Object.keys(choices).map((choice) => JSON.stringify(choice));
      return this.#fail(at, `${JSON.stringify(word)} came, ${wanted.join(" or ")} wanted`);
    };
    switch (this.#state) {
      case "magic":
        this.#state = choose({ "nix-archive-1": "open" });
        break;
      case "open":
        this.#state = choose({ "(": "type" });
        break;
      case "type":
        this.#state = choose({ type: "kind" });
        break;
      case "kind":
        this.#executable = false;
        this.#state = choose({
          regular: "regular: executable or contents",
          symlink: "symlink: target",
          directory: "directory: entry or )",
        });
        if (word === "directory") this.#emit(at, { type: "directory" });
        break;
      case "regular: executable or contents":
        this.#state = choose({ executable: "regular: empty", contents: "regular: data" });
        break;
      case "regular: empty":
        this.#executable = true;
        this.#state = choose({ "": "regular: contents" });
        break;
      case "regular: contents":
        this.#state = choose({ contents: "regular: data" });
        break;
      case "symlink: target":
        this.#state = choose({ target: "symlink: value" });
        break;
      case "symlink: value":
        this.#emit(at, { type: "symlink", target: string });
        this.#state = "close";
        break;
      case "directory: entry or )":
        this.#state = choose({ entry: "entry: (", ")": "close" });
        if (word === ")") {
          this.#emit(at, { type: "end" });
          this.#nodeClosed();
        }
        break;
      case "entry: (":
        this.#state = choose({ "(": "entry: name" });
        break;
      case "entry: name":
        this.#state = choose({ name: "entry: value" });
        break;
      case "entry: value":
        this.#emit(at, { type: "entry", name: string });
        this.#state = "entry: node";
        break;
      case "entry: node":
        this.#state = choose({ node: "open" });
        break;
      case "entry: )":
        this.#state = choose({ ")": "directory: entry or )" });
        break;
      case "close":
        choose({ ")": "close" });
        this.#nodeClosed();
        break;
      case "regular: data":
      case "done":
        this.#fail(at, "a string where none may stand");
    }
  }

  #nodeClosed(): void {
    this.#state = this.#order.depth === 0 ? "done" : "entry: )";
  }

  #emit(at: number, event: NarEvent): void {
    const complaint = this.#order.take(event);
    if (complaint !== undefined) this.#fail(at, complaint);
    this.#onEvent(event);
  }
}

function padded(length: number): number {
  return length + ((8 - (length % 8)) % 8);
}

/** Checks a NAR held in memory: its hash and size, or `NixFormatError`. */
export function checkNar(crypto: Crypto, nar: Uint8Array, options: NarReaderOptions = {}): NarSummary {
  const reader = new NarReader(crypto, options);
  reader.push(nar);
  return reader.finish();
}
