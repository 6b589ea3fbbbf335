/** The first key that one object of a JSON text has twice: parsers keep the last of the two and say nothing. */

export interface RepeatedKey {
  readonly key: string;
  /** Where it stands for the second time; both from 1. */
  readonly line: number;
  readonly column: number;
}

/** `text` is valid JSON. Escapes are undone, so that `"a"` and `"\u0061"` are one key. */
export function findRepeatedKey(text: string): RepeatedKey | undefined {
  /** The keys of the objects around, innermost last; `undefined` for a list. */
  const around: (Set<string> | undefined)[] = [];
  let isKey = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") around.push(new Set());
    else if (char === "[") around.push(undefined);
    else if (char === "}" || char === "]") around.pop();
    if (char === "{" || char === ",") isKey = around.at(-1) !== undefined;
    else if (char === ":" || char === "[") isKey = false;
    if (char !== '"') continue;
    const end = endOfString(text, at);
    if (isKey) {
      const key = JSON.parse(text.slice(at, end)) as string;
      const keys = around.at(-1)!;
      if (keys.has(key)) return { key, ...placeOf(text, at) };
      keys.add(key);
    }
    at = end - 1;
  }
  return undefined;
}

/** After the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
