/**
 * The last head a publisher let anybody see, kept outside the store: a store that is put back from an old backup does
 * not take the marker back with it, so the publisher notices before it signs a second history.
 *
 * One file a log, replaced as a whole (written beside, synced, renamed, the folder synced). It is written after the
 * head's batch is durable and before the head is served: it may be older than the store, never newer, unless the
 * store went back.
 */
import { join } from "node:path";
import { fromHex, toHex, utf8, utf8Text } from "@trustix/crypto";
import type { LogHead, LogId } from "@trustix/protocol";
import { nodeFiles, replaceFile } from "../node-files.ts";
import { NodeError } from "../errors.ts";

export interface HeadMarker {
  /** Where it is, for messages. */
  readonly place: string;
  /** The head, its signature not yet checked; `undefined` where none was ever written. Throws `corrupt`, `storage`. */
  read(): Promise<LogHead | undefined>;
  /** Resolves once it would survive power loss. Calls are served in their order. Throws `storage`. */
  write(head: LogHead): Promise<void>;
}

const MAX_MARKER_BYTES = 4096;

/** The marker of log `logId` in `folder`, which is made when it is first written. */
export function fileHeadMarker(folder: string, logId: LogId): HeadMarker {
  const place = join(folder, logId);
  let last: Promise<void> = Promise.resolve();
  return {
    place,
    async read() {
      let bytes: Uint8Array;
      try {
        bytes = await nodeFiles.readFile(place, MAX_MARKER_BYTES);
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
      }
      return parseMarker(bytes, logId, place);
    },
    write(head) {
      // One after the other: they share the file beside.
      const written = last.then(() => keep(place, markerBytes(logId, head)));
      last = written.catch(() => {});
      return written;
    },
  };
}

async function keep(place: string, content: Uint8Array): Promise<void> {
  try {
    await replaceFile(place, content);
  } catch (cause) {
    throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
  }
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

/** The head in a marker of log `logId`; `place` is for messages. Throws `corrupt`. */
export function parseMarker(content: Uint8Array, logId: LogId, place: string): LogHead {
  const wrong = (why: string, cause?: unknown): NodeError =>
    new NodeError("corrupt", `head marker ${place}: ${why}`, {
      cause,
      hint: "put it back from a copy; without one, remove it only if no follower has a newer head than this store",
    });
  if (content.length > MAX_MARKER_BYTES) throw wrong(`more than ${MAX_MARKER_BYTES} bytes came`);
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
