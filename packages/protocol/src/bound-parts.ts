/**
 * How many parts a message has, counted before anything is allocated for them: a field is two bytes on the wire and up to
 * 200 in memory, so that 16 MiB of empty ones cost 1.5 GB and ten seconds of doing nothing else.
 *
 * The library reads a field as the schema says, whatever wire type came; so that it reads what is counted here, a field of
 * another type is refused.
 */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ProtocolError } from "./errors.ts";

/** Fields of a message, those of messages in it included: 0.3 s and 50 MB. The largest answers asked for have 40 000. */
export const MAX_PARTS = 250_000;

/** What a field takes on the wire at least. */
const PART_BYTES = 2;

/** Throws `too_large` over `MAX_PARTS`, `malformed` for what is no such message. Small ones are not looked at. */
export function boundParts(schema: DescMessage, bytes: Uint8Array): void {
  if (bytes.length <= MAX_PARTS * PART_BYTES) return;
  try {
    count(schema, bytes, 0);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError("malformed", `${schema.name}: bytes do not parse`, { cause });
  }
}

/** The parts so far and those in `bytes`. */
function count(schema: DescMessage, bytes: Uint8Array, before: number): number {
  const reader = new BinaryReader(bytes);
  let parts = before;
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (++parts > MAX_PARTS) throw new ProtocolError("too_large", `${schema.name}: over ${MAX_PARTS} fields came`);
    const field = schema.fields.find((known) => known.number === number);
    if (field !== undefined && wireType !== wireTypeOf(field)) {
      throw new ProtocolError("malformed", `${schema.name}: ${field.name} came as wire type ${wireType}`);
    }
    if (field?.message === undefined) reader.skip(wireType, number);
    else {
      const inner = reader.bytes();
      // Nothing to count in an empty one, and there may be many.
      if (inner.length > 0) parts = count(field.message, inner, parts);
    }
  }
  return parts;
}

const LENGTH_DELIMITED: ReadonlySet<ScalarType> = new Set([ScalarType.BYTES, ScalarType.STRING]);
const VARINT: ReadonlySet<ScalarType> = new Set([
  ScalarType.BOOL,
  ScalarType.INT32,
  ScalarType.INT64,
  ScalarType.UINT32,
  ScalarType.UINT64,
]);

/** `undefined`: no message of ours has such a field. */
function wireTypeOf(field: DescField): WireType | undefined {
  if (field.message !== undefined || field.fieldKind === "map") return WireType.LengthDelimited;
  if (field.scalar === undefined) return WireType.Varint;
  if (LENGTH_DELIMITED.has(field.scalar)) return WireType.LengthDelimited;
  if (field.scalar === ScalarType.DOUBLE) return WireType.Bit64;
  return VARINT.has(field.scalar) ? WireType.Varint : undefined;
}
