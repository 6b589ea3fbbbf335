/** Logs of the resident commands: one line each on stderr, JSON by pino, or text for a person at a terminal. */
import { destination, pino, type Logger } from "pino";
import type { Io } from "./command.ts";
import { logLineText } from "./log-line-text.ts";

/** `TRUSTIX_LOG_LEVEL` sets the level (default `info`); written at once, so that a crash loses no line. */
export function stderrLogger({ env, watched }: Pick<Io, "env" | "watched">): Logger {
  const wanted = env["TRUSTIX_LOG_LEVEL"]?.toLowerCase() ?? "info";
  const level = ["trace", "debug", "info", "warn", "error", "fatal", "silent"].includes(wanted) ? wanted : "info";
  const stderr = destination({ fd: 2, sync: true });
  const out = watched ? { write: (line: string) => void stderr.write(logLineText(line)) } : stderr;
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, out);
}
