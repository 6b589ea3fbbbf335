/**
 * JSON strings exactly as Go's encoder writes them, which is what existing peers hash and sign: like
 * `JSON.stringify`, and `<`, `>`, `&` and the two line separators escaped as well.
 */

const ESCAPED = /[<>&\u2028\u2029]/g;

/** `text` as a quoted JSON string. */
export function goJsonString(text: string): string {
  return JSON.stringify(text).replace(ESCAPED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
