/**
 * Writes the NAR of a row of events, chunk by chunk: what `NarReader` gives for a NAR makes the same bytes again. Events
 * in a wrong order are refused by the same rules the reader has.
 */
import { concatBytes, utf8, type Crypto } from "@trustix/crypto";
import { NixFormatError } from "../error.ts";
import { joinBytes } from "../join-bytes.ts";
import { eventsOf, NAR_LIMITS, type NarEvent, type NarLimits, type NarTree } from "./events.ts";
import { NarOrder } from "./grammar.ts";
import type { NarSummary } from "./reader.ts";

const ZEROS = new Uint8Array(8);
const MAGIC = words("nix-archive-1");
const DIRECTORY = words("(", "type", "directory");
const SYMLINK = words("(", "type", "symlink", "target");
const REGULAR = words("(", "type", "regular", "contents");
const EXECUTABLE = words("(", "type", "regular", "executable", "", "contents");
const ENTRY = words("entry", "(", "name");
const NODE = words("node");
const CLOSE = words(")");

/** The chunks of the NAR. Throws `NixFormatError` for events that are no NAR, at the event that breaks it. */
export function* writeNar(events: Iterable<NarEvent>, limits: Partial<NarLimits> = {}): Generator<Uint8Array> {
  const order = new NarOrder({ ...NAR_LIMITS, ...limits });
  let count = 0;
  let size = 0;
  yield MAGIC;
  for (const event of events) {
    const wasContents = order.expected === "contents";
    const complaint = order.take(event);
    if (complaint !== undefined) throw new NixFormatError("nar", `event ${count}`, complaint);
    count++;
    if (event.type === "regular") size = event.size;
    yield* chunksOf(event);
    const fileDone = order.expected !== "contents" && (wasContents || (event.type === "regular" && size === 0));
    if (fileDone) yield ZEROS.subarray(0, padding(size));
    const nodeDone = fileDone || event.type === "symlink" || event.type === "end";
    // A node inside a directory closes itself and its entry.
    if (nodeDone) yield order.depth === 0 ? CLOSE : concatBytes(CLOSE, CLOSE);
  }
  if (order.expected !== "nothing") throw new NixFormatError("nar", `event ${count}`, "the events end early");
}

function* chunksOf(event: NarEvent): Generator<Uint8Array> {
  switch (event.type) {
    case "directory":
      yield DIRECTORY;
      break;
    case "entry":
      yield concatBytes(ENTRY, string(event.name), NODE);
      break;
    case "symlink":
      yield concatBytes(SYMLINK, string(event.target));
      break;
    case "regular":
      yield concatBytes(event.executable ? EXECUTABLE : REGULAR, lengthOf(event.size));
      break;
    case "contents":
      yield event.bytes;
      break;
    case "end":
      break;
  }
}

function words(...all: string[]): Uint8Array {
  return concatBytes(...all.map((word) => string(utf8(word))));
}

function string(bytes: Uint8Array): Uint8Array {
  return concatBytes(lengthOf(bytes.length), bytes, ZEROS.subarray(0, padding(bytes.length)));
}

function lengthOf(length: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  return out;
}

function padding(length: number): number {
  return (8 - (length % 8)) % 8;
}

/** The NAR of a tree, whole: for small things. */
export function narOf(tree: NarTree): Uint8Array {
  return joinBytes(writeNar(eventsOf(tree)));
}

/** Hash and size of the NAR of these events, without holding it. */
export function hashNar(crypto: Crypto, events: Iterable<NarEvent>): NarSummary {
  const hash = crypto.sha256Stream();
  let narSize = 0;
  for (const chunk of writeNar(events)) {
    hash.update(chunk);
    narSize += chunk.length;
  }
  return { narHash: hash.digest(), narSize };
}
