/** Logs of the resident commands: one line each on stderr, JSON by pino or text for a person at a terminal. */
import { destination, pino, type Logger } from "pino";

/** `TRUSTIX_LOG_LEVEL` sets the level (default `info`); written at once, so that a crash loses no line. */
export function stderrLogger(env: Readonly<Record<string, string | undefined>>): Logger {
  const wanted = env["TRUSTIX_LOG_LEVEL"]?.toLowerCase() ?? "info";
  const level = ["trace", "debug", "info", "warn", "error", "fatal", "silent"].includes(wanted) ? wanted : "info";
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination({ fd: 2, sync: true }));
}
