/**
 * Where a page of a simulation begins: behind a path of the claims table, or at an entry of an own log.
 *
 *     00 path(32)          01 u16 log || u48 index
 */
import type { Hash } from "@trustix/protocol";
import type { OwnPlace } from "../claims/scan-own.ts";
import { NodeError } from "../errors.ts";

export type Place =
  | { readonly kind: "table"; readonly after: Hash | undefined }
  | { readonly kind: "own"; readonly from: OwnPlace };

const TABLE = 0;
const OWN = 1;

export function encodePlace(place: Place): Uint8Array {
  if (place.kind === "table") return Uint8Array.of(TABLE, ...(place.after ?? []));
  const bytes = Buffer.alloc(9);
  bytes[0] = OWN;
  bytes.writeUInt16BE(place.from.log, 1);
  bytes.writeUIntBE(place.from.index, 3, 6);
  return new Uint8Array(bytes);
}

/** `undefined`: the beginning. Throws `invalid_argument`. */
export function decodePlace(bytes: Uint8Array | undefined): Place {
  if (bytes === undefined) return { kind: "table", after: undefined };
  if (bytes[0] === TABLE && bytes.length === 33) return { kind: "table", after: bytes.slice(1) };
  if (bytes[0] === OWN && bytes.length === 9) {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { kind: "own", from: { log: view.readUInt16BE(1), index: view.readUIntBE(3, 6) } };
  }
  throw new NodeError("invalid_argument", `After: ${bytes.length} bytes came that are no Next of a page before`);
}
