/**
 * The records of what is kept of voters beside their claims: JSON, written by this file only.
 *
 * `60 o u48 n`: the n-th override. `60 x voter(32)`: the exclusion; a pardon leaves it, a later one replaces it.
 * `60 s voter(32) path(32)`: the first second answer for a key.
 */
import { toHex, utf8, utf8Text } from "@trustix/crypto";
import type { EarlierExclusion, Override, SecondAnswer } from "@trustix/decider";
import { parseLogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";

export function encodeDossier(record: Override | EarlierExclusion | SecondAnswer): Uint8Array {
  return utf8(JSON.stringify(record));
}

/** Throws `corrupt`, as the others do. */
export function decodeOverride(bytes: Uint8Array, key: Uint8Array): Override {
  return read(bytes, key, (fields) => {
    const { kind } = fields;
    if (kind !== "pardon" && kind !== "exclude") throw new TypeError(`kind ${JSON.stringify(kind)}`);
    return { ...common(fields), kind, reason: textOf(fields, "reason") };
  });
}

export function decodeExclusion(bytes: Uint8Array, key: Uint8Array): EarlierExclusion {
  return read(bytes, key, (fields) => ({ ...common(fields), reason: textOf(fields, "reason") }));
}

export function decodeSecondAnswer(bytes: Uint8Array, key: Uint8Array): SecondAnswer {
  return read(bytes, key, (fields) => ({ ...common(fields), key: textOf(fields, "key") }));
}

type Fields = Readonly<Record<string, unknown>>;

function read<T>(bytes: Uint8Array, key: Uint8Array, take: (fields: Fields) => T): T {
  try {
    return take(JSON.parse(utf8Text(bytes)) as Fields);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new NodeError("corrupt", `a record of what is known of voters (key ${toHex(key)}): ${why}`, { cause });
  }
}

function common(fields: Fields): Pick<EarlierExclusion, "voter" | "at"> {
  const { at } = fields;
  if (!Number.isSafeInteger(at)) throw new TypeError(`time ${JSON.stringify(at)}`);
  return { voter: parseLogId(textOf(fields, "voter")), at: at as number };
}

function textOf(fields: Fields, name: string): string {
  const text = fields[name];
  if (typeof text !== "string" || text === "") throw new TypeError(`${name} ${JSON.stringify(text)}`);
  return text;
}
