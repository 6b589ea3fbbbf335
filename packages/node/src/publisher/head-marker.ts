/**
 * The last head a publisher let anybody see, kept outside the store: a store that is put back from an old backup does
 * not take the marker back with it, so the publisher notices before it signs a second history.
 *
 * One file a log, replaced as a whole (written beside, synced, renamed, the folder synced). It is written after the
 * head's batch is durable and before the head is served: it may be older than the store, never newer, unless the
 * store went back.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, toHex } from "@trustix/crypto";
import type { LogHead, LogId } from "@trustix/protocol";
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
      let text: string;
      try {
        text = await readFile(place, "utf8");
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
      }
      return parseMarker(text, logId, place);
    },
    write(head) {
      // One after the other: they share the file beside.
      const written = last.then(() => replaceFile(folder, place, formatMarker(logId, head)));
      last = written.catch(() => {});
      return written;
    },
  };
}

async function replaceFile(folder: string, place: string, content: string): Promise<void> {
  try {
    await writeBeside(folder, `${place}.new`, content);
    await rename(`${place}.new`, place);
    const directory = await open(folder, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (cause) {
    throw new NodeError("storage", `head marker ${place}: ${(cause as Error).message}`, { cause });
  }
}

async function writeBeside(folder: string, next: string, content: string): Promise<void> {
  let file;
  try {
    file = await open(next, "w", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    file = await open(next, "w", 0o600);
  }
  try {
    await file.writeFile(content);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function formatMarker(logId: LogId, head: LogHead): string {
  const fields = {
    logId,
    treeSize: head.treeSize,
    logRoot: toHex(head.logRoot),
    mapRoot: toHex(head.mapRoot),
    mhTreeSize: head.mhTreeSize,
    mhRoot: toHex(head.mhRoot),
    signature: toHex(head.signature),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

function parseMarker(text: string, logId: LogId, place: string): LogHead {
  const wrong = (why: string, cause?: unknown): NodeError =>
    new NodeError("corrupt", `head marker ${place}: ${why}`, {
      cause,
      hint: "put it back from a copy; without one, remove it only if no follower has a newer head than this store",
    });
  if (text.length > MAX_MARKER_BYTES) throw wrong(`${text.length} bytes came, at most ${MAX_MARKER_BYTES} wanted`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw wrong("not JSON", cause);
  }
  if (typeof parsed !== "object" || parsed === null) throw wrong("not a JSON object");
  const fields = parsed as Record<string, unknown>;
  if (fields["logId"] !== logId) throw wrong(`it is of log ${JSON.stringify(fields["logId"])}, not of ${logId}`);
  const size = (name: string): number => {
    const value = fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(`${name} is not a size`);
    return value as number;
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
