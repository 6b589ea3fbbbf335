/**
 * Messages and bytes. All messages are proto2 with required fields: a field at its default value is still written, and
 * an absent one is an error. The library writes by that rule but does not check when reading; this file does.
 */
import {
  fromBinary,
  isFieldSet,
  toBinary,
  type DescField,
  type DescMessage,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { boundParts } from "./bound-parts.ts";
import { ProtocolError } from "./errors.ts";

/**
 * Throws `missing_field` naming the first required field that is not set, in nested messages too
 * (`Leaves[3].LeafDigest`).
 */
export function checkRequired(schema: DescMessage, message: Message): void {
  for (const field of schema.fields) {
    if (!isFieldSet(message, field)) {
      if (field.presence !== FeatureSet_FieldPresence.LEGACY_REQUIRED) continue;
      throw new ProtocolError("missing_field", `${schema.name}: required field ${field.name} is missing`);
    }
    if (field.fieldKind === "message") nested(schema, field, field.message, read(message, field), "");
    else if (field.fieldKind === "list" && field.listKind === "message") {
      const items = read(message, field) as readonly Message[];
      for (let i = 0; i < items.length; i++) nested(schema, field, field.message, items[i]!, `[${i}]`);
    }
  }
}

function nested(outer: DescMessage, field: DescField, inner: DescMessage, message: unknown, at: string): void {
  try {
    checkRequired(inner, message as Message);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(error.code, `${outer.name}.${field.name}${at}: ${error.message}`);
  }
}

function read(message: Message, field: DescField): unknown {
  return (message as unknown as Record<string, unknown>)[field.localName];
}

/** Wire bytes. Throws `missing_field` if a required field is not set. */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  checkRequired(schema, message);
  return toBinary(schema, message);
}

/**
 * The message in `bytes`, with all required fields. Throws `too_large` over `maxBytes` or too many fields, `malformed`
 * for what is no such message, `missing_field`.
 */
export function decode<D extends DescMessage>(schema: D, bytes: Uint8Array, maxBytes: number): MessageShape<D> {
  if (bytes.length > maxBytes) {
    throw new ProtocolError("too_large", `${schema.name}: ${bytes.length} bytes came, at most ${maxBytes} wanted`);
  }
  boundParts(schema, bytes);
  let message: MessageShape<D>;
  try {
    message = fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProtocolError("malformed", `${schema.name}: bytes do not parse: ${why}`, { cause });
  }
  checkRequired(schema, message);
  return message;
}
