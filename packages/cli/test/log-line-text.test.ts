import { pino } from "pino";
import { expect, test } from "vitest";
import { logLineText } from "../src/log-line-text.ts";

function textOf(write: (log: pino.Logger) => void): string {
  let text = "";
  const options: pino.LoggerOptions = { base: null, timestamp: () => ',"time":"2026-11-25T12:00:00.123Z"' };
  write(pino({ ...options, level: "trace" }, { write: (line) => (text += logLineText(line)) }));
  return text;
}

test.each<[string, (log: pino.Logger) => void, string]>([
  ["a message", (log) => log.info("ending"), "INFO  ending"],
  [
    "fields, in their order, quoted where a space or an equals sign would mislead",
    (log) =>
      log.warn({ url: "http://a:1", treeSize: 8, is: true, why: "no answer", odd: "a=b", list: ["x", "y z"] }, "so"),
    'WARN  so url=http://a:1 treeSize=8 is=true why="no answer" odd="a=b" list=["x","y z"]',
  ],
  [
    "an error by its message",
    (log) => log.error({ err: new Error("disk full") }, "failed"),
    'ERROR failed err="disk full"',
  ],
  ["fields alone", (log) => log.debug({ empty: "" }), 'DEBUG empty=""'],
  [
    "what strangers wrote",
    (log) => log.info({ why: "\u001b[31mred\nnext" }, "a\u001b[2Jb\n c\u202e"),
    'INFO  a\ufffd[2Jb c\ufffd why="\\u001b[31mred\\nnext"',
  ],
])("%s is one line of text", (_name, write, wanted) => {
  expect(textOf(write)).toBe(`2026-11-25T12:00:00Z ${wanted}\n`);
});
