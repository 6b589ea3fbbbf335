/**
 * A line of the log as a person reads it. Nothing in it steers the terminal, and it stays one line; a stack is left to the
 * JSON.
 *
 *     2026-11-25T12:00:00Z INFO  listening url=unix:///run/trustix.socket private=true
 */
import { printable } from "./words.ts";

const LEVELS: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};

/** `line` as pino writes it, with its newline, which the text has too. */
export function logLineText(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const when = String(time).replace(/\.\d+Z$/, "Z");
  const word = (LEVELS[Number(level)] ?? String(level)).padEnd(5);
  const known = Object.entries(fields).map(([key, value]) => `${key}=${valueText(value)}`);
  const text = [when, word, ...(msg === undefined ? [] : [String(msg)]), ...known].join(" ");
  return `${printable(text.replaceAll(/\s*\n\s*/g, " "))}\n`;
}

function valueText(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  // An error, as pino writes it.
  if (typeof value === "object" && value !== null && "message" in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}
