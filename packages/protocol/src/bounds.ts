/** Checks for everything that parses: lengths of byte fields, and sizes that fit a JavaScript number. */
import { ProtocolError } from "./errors.ts";

/** `bytes` if they are exactly `length` long. Throws `malformed`, naming `what`. */
export function bytesOf(what: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) {
    throw new ProtocolError("malformed", `${what}: ${bytes.length} bytes came, ${length} wanted`);
  }
  return bytes;
}

/** A wire 64-bit number as a safe integer. Throws `malformed` for one over 2^53 - 1. */
export function sizeOf(what: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ProtocolError("malformed", `${what}: ${value} came, at most ${Number.MAX_SAFE_INTEGER} wanted`);
  }
  return Number(value);
}
