/**
 * The last head a publisher let anybody see, kept outside the store: a store that is put back from an old backup does
 * not take the marker back with it, so the publisher notices before it signs a second history.
 *
 * It is written after the head's batch is durable and before the head is served: it may be older than the store, never
 * newer, unless the store went back.
 *
 * One file a log. It has the head twice, each time as JSON in 4096 bytes with the text's SHA-256 behind it; the copies are
 * written over one after the other, each synced before the next is touched. So one of them is always whole, a head that was
 * served is in both, and damage to one loses nothing.
 */
import { join } from "node:path";
import { type Crypto, fromHex, toHex, utf8, utf8Text } from "@trustix/crypto";
import type { LogHead, LogId } from "@trustix/protocol";
import { nodeFiles, overwriteFile, replaceFile } from "../node-files.ts";
import { NodeError } from "../errors.ts";

/** A place where a marker may be. */
export interface MarkedPlace {
  /** Where it is, for messages. */
  readonly place: string;
  /** The head, its signature not yet checked; `undefined` where none was ever written. Throws `corrupt`, `storage`. */
  read(): Promise<LogHead | undefined>;
}

export interface HeadMarker extends MarkedPlace {
  /** Resolves once it would survive power loss. Calls are served in their order. Throws `storage`. */
  write(head: LogHead): Promise<void>;
}

const COPY_BYTES = 4096;
const NEWLINE = 0x0a;
const CLOSING_BRACE = 0x7d;

/** The marker of log `logId` in `folder`, which is made when it is first written. */
export function fileHeadMarker(crypto: Crypto, folder: string, logId: LogId): HeadMarker {
  const place = join(folder, logId);
  let last: Promise<void> = Promise.resolve();
  return {
    place,
    async read() {
      let bytes: Uint8Array;
      try {
        bytes = await nodeFiles.readFile(place, 2 * COPY_BYTES);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
      }
      return parseMarkerFile(crypto, bytes, logId, place);
    },
    write(head) {
      // One after the other: they share the file beside.
      const written = last.then(() => keep(place, markerCopy(crypto, logId, head)));
      last = written.catch(() => {});
      return written;
    },
  };
}

/**
 * Where a publisher of this log may have had its marker under another environment: only read, and passed over where it may not
 * be read, for a node that cannot read it has not written it.
 */
function markersElsewhere(crypto: Crypto, folders: readonly string[], logId: LogId): MarkedPlace[] {
  return folders.map((folder) => {
    const { place, read } = fileHeadMarker(crypto, folder, logId);
    return {
      place,
      read: () =>
        read().catch((error: unknown) => {
          const { code = "" } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
          if (NOT_OURS.has(code)) return undefined;
          throw error;
        }),
    };
  });
}

/** The markers of a log by the configuration. */
export function headMarkersOf(
  crypto: Crypto,
  config: { readonly headMarker: string | undefined; readonly headMarkersElsewhere: readonly string[] },
  logId: LogId,
): { readonly marker: HeadMarker | undefined; readonly markersElsewhere: readonly MarkedPlace[] } {
  const { headMarker, headMarkersElsewhere } = config;
  if (headMarker === undefined) return { marker: undefined, markersElsewhere: [] };
  return {
    marker: fileHeadMarker(crypto, headMarker, logId),
    markersElsewhere: markersElsewhere(crypto, headMarkersElsewhere, logId),
  };
}

const NOT_OURS: ReadonlySet<string> = new Set(["EACCES", "EPERM", "ENOTDIR"]);

async function keep(place: string, copy: Uint8Array): Promise<void> {
  try {
    // Not there, or of another form: the whole of it appears at once.
    if (!(await overwriteFile(place, [copy, copy]))) await replaceFile(place, Buffer.concat([copy, copy]));
  } catch (cause) {
    throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
  }
}

/** One of the two copies in a marker's file. */
export function markerCopy(crypto: Crypto, logId: LogId, head: LogHead): Uint8Array {
  const text = markerBytes(logId, head);
  const copy = new Uint8Array(COPY_BYTES).fill(NEWLINE);
  copy.set(text);
  copy.set(utf8(toHex(crypto.sha256(text))), text.length);
  return copy;
}

/**
 * The head in a marker's file: the newer one of its copies that are whole, or that of a file which is nothing but a
 * marker's content, as earlier versions wrote it. Throws `corrupt`.
 */
export function parseMarkerFile(crypto: Crypto, content: Uint8Array, logId: LogId, place: string): LogHead {
  if (content.length !== 2 * COPY_BYTES) return parseMarker(content, logId, place);
  const heads = [content.subarray(0, COPY_BYTES), content.subarray(COPY_BYTES)]
    .flatMap((copy) => contentOfCopy(crypto, copy) ?? [])
    .map((text) => parseMarker(text, logId, place));
  const [first, second] = heads;
  if (first === undefined) throw wrongMarker(place, "neither of its two copies is whole");
  return second === undefined || first.mhTreeSize >= second.mhTreeSize ? first : second;
}

/** `undefined` for a copy that was cut off while it was written, or is damaged. */
function contentOfCopy(crypto: Crypto, copy: Uint8Array): Uint8Array | undefined {
  const end = copy.lastIndexOf(CLOSING_BRACE) + 2;
  const check = Buffer.from(copy.subarray(end)).toString("latin1").trimEnd();
  return check === toHex(crypto.sha256(copy.subarray(0, end))) ? copy.subarray(0, end) : undefined;
}

/** The content of a marker: JSON with hashes in hex, for people too. */
export function markerBytes(logId: LogId, head: LogHead): Uint8Array {
  const fields = {
    logId,
    treeSize: head.treeSize,
    logRoot: toHex(head.logRoot),
    mapRoot: toHex(head.mapRoot),
    mhTreeSize: head.mhTreeSize,
    mhRoot: toHex(head.mhRoot),
    signature: toHex(head.signature),
  };
  return utf8(`${JSON.stringify(fields, undefined, 2)}\n`);
}

function wrongMarker(place: string, why: string, cause?: unknown): NodeError {
  return new NodeError("corrupt", `head marker ${place}: ${why}`, {
    cause,
    hint: "put it back from a copy; without one, remove it only if no follower has a newer head than this store",
  });
}

/** The head in the content of a marker of log `logId`; `place` is for messages. Throws `corrupt`. */
export function parseMarker(content: Uint8Array, logId: LogId, place: string): LogHead {
  const wrong = (why: string, cause?: unknown): NodeError => wrongMarker(place, why, cause);
  if (content.length > COPY_BYTES) throw wrong(`more than ${COPY_BYTES} bytes came`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8Text(content));
  } catch (cause) {
    throw wrong("not JSON in UTF-8", cause);
  }
  if (typeof parsed !== "object" || parsed === null) throw wrong("not a JSON object");
  const fields = parsed as Record<string, unknown>;
  const of = fields["logId"];
  if (typeof of !== "string") throw wrong(`logId is not a text, ${logId} was wanted`);
  if (of !== logId) throw wrong(`it is of log ${JSON.stringify(of.slice(0, 80))}, not of ${logId}`);
  const size = (name: string): number => {
    const value = fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(`${name} is not a size`);
    return (value as number) + 0; // JSON has a minus zero
  };
  const bytes = (name: string, length: number): Uint8Array => {
    const value = fields[name];
    if (typeof value !== "string" || value.length !== 2 * length) throw wrong(`${name} is not ${length} bytes in hex`);
    try {
      return fromHex(value);
    } catch (cause) {
      throw wrong(`${name} is not hex`, cause);
    }
  };
  return {
    treeSize: size("treeSize"),
    logRoot: bytes("logRoot", 32),
    mapRoot: bytes("mapRoot", 32),
    mhTreeSize: size("mhTreeSize"),
    mhRoot: bytes("mhRoot", 32),
    signature: bytes("signature", 64),
  };
}
