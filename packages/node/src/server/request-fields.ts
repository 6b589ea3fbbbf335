/** Fields of requests as values that cannot be wrong: numbers that fit, digests of 32 bytes, logs that exist. */
import { parseLogId, sizeOf, type LogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { PublishedLog, ServerParts } from "./parts.ts";

/** Throws `invalid_argument`. */
export function hashField(field: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 32) throw new NodeError("invalid_argument", `${field}: ${bytes.length} bytes came, 32 wanted`);
  return bytes;
}

/** A range of leaves, `finish` inclusive and at least `start - 1`. Throws `invalid_argument`, `too_large`. */
export function rangeField(startField: bigint, finishField: bigint, limit: number): { start: number; finish: number } {
  const start = sizeOf("Start", startField);
  const finish = sizeOf("Finish", finishField);
  if (finish < start - 1) {
    throw new NodeError(
      "invalid_argument",
      `Start ${start} and Finish ${finish} came, Finish from Start - 1 on wanted`,
    );
  }
  if (finish - start + 1 > limit) {
    throw new NodeError(
      "too_large",
      `${finish - start + 1} leaves asked for (${start} to ${finish}), at most ${limit} in one call`,
    );
  }
  return { start, finish };
}

/** The published log with this id. Throws `invalid_argument` or `not_found`. */
export function publishedLog(parts: ServerParts, id: string): PublishedLog {
  const log = parts.published.get(parseLogId(id));
  if (log === undefined) throw new NodeError("not_found", `log ${id} is not published by this node`);
  return log;
}

/** The followed log with this id, `undefined` when there is none. */
export function followedLog(parts: ServerParts, id: LogId) {
  return parts.follower.logs().find((log) => log.info.id === id);
}
