/** Numbers, times and bytes as people read them, and texts as shells do. */
import { toHex } from "@trustix/crypto";

/** `4 s`, `12 min`, `3 h`, `8 d`: the largest unit that fits. */
export function lasting(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `1 entry`, `3 entries`. */
export function counted(count: number | bigint, one: string, many: string): string {
  return `${count} ${count === 1 || count === 1n ? one : many}`;
}

/** Cells below each other: texts to the left, from column `firstNumber` on to the right. */
export function table(rows: readonly (readonly string[])[], firstNumber: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < firstNumber ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** What others wrote must not steer the terminal. */
export function printable(text: string): string {
  // control characters are what is taken out
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** As one word of a shell. */
export function quoted(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A key as text if it is printable (store paths are), else as hex. */
export function keyText(key: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(key);
    // Anything a terminal could take for a command stays hex.
    if (/^[\x21-\x7e]+$/.test(text)) return text;
  } catch {
    // not text
  }
  return toHex(key);
}
