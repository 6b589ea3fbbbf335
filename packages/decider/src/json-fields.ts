/** Fields of parsed JSON that somebody else wrote: exactly the wanted ones, bounded. Errors name the place and what came. */
import { ProtocolError, type ProtocolErrorCode } from "@trustix/protocol";

/** `policy.rules[0].threshold`. */
export type Place = string;

export function at(place: Place, ...parts: readonly (string | number)[]): Place {
  return parts.reduce<string>(
    (whole, part) => (typeof part === "number" ? `${whole}[${part}]` : `${whole}.${shownName(part)}`),
    place,
  );
}

export function wrong(
  place: Place,
  came: unknown,
  wanted: string,
  code: ProtocolErrorCode = "malformed",
): ProtocolError {
  return new ProtocolError(code, `${place}: ${shownValue(came)} came, ${wanted} wanted`);
}

/** An object with these fields and no other; those that end in `?` may be absent. `names` undefined: any fields. */
export function fieldsOf(
  value: unknown,
  place: Place,
  names: readonly string[] | undefined,
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, value, "an object");
  const fields = value as Record<string, unknown>;
  if (names === undefined) return fields;
  const known = new Set(names.map((name) => name.replace("?", "")));
  for (const name of Object.keys(fields)) {
    if (!known.has(name)) throw new ProtocolError("malformed", `${at(place, name)}: there is no such field`);
  }
  for (const name of names) {
    if (!name.endsWith("?") && !Object.hasOwn(fields, name)) {
      throw new ProtocolError("missing_field", `${at(place, name)}: nothing came, it is required`);
    }
  }
  return fields;
}

export function listOf<T>(
  value: unknown,
  place: Place,
  min: number,
  max: number,
  read: (item: unknown, place: Place) => T,
): T[] {
  if (!Array.isArray(value)) throw wrong(place, value, "a list");
  if (value.length > max) throw wrong(place, value, `at most ${max} of them`, "too_large");
  if (value.length < min) throw wrong(place, value, `at least ${min} of them`);
  return value.map((item, i) => read(item, at(place, i)));
}

export function textOf(value: unknown, place: Place, max: number): string {
  if (typeof value !== "string" || value === "") throw wrong(place, value, "a text");
  if (value.length > max) throw wrong(place, `a text of ${value.length} characters`, `at most ${max}`, "too_large");
  return value;
}

export function wholeOf(value: unknown, place: Place, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
    throw wrong(place, value, `a whole number from ${min} to ${max}`);
  }
  return value;
}

export function oneOf<T extends string>(value: unknown, place: Place, known: readonly T[]): T {
  const found = known.find((word) => word === value);
  if (found === undefined) throw wrong(place, value, known.map((word) => JSON.stringify(word)).join(" or "), "unknown");
  return found;
}

function shownValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? quoted(value) : String(value);
}

function shownName(name: string): string {
  return /^\w{1,80}$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
