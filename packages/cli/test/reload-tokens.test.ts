/** What SIGHUP changes, and what it says of the rest. */
import type { Config } from "@trustix/node";
import { NodeError } from "@trustix/node";
import { pino } from "pino";
import { expect, test } from "vitest";
import { tokenReloader } from "../src/reload-tokens.ts";

const running = {
  path: "trustix.toml",
  warnings: [],
  remotes: ["http://a:1"],
  writeTokens: new Map([["a", { name: "a", publicKey: new Uint8Array(32) }]]),
  pollIntervalMs: 1000,
  socketOwners: [],
} as unknown as Config;

function reloader(read: () => Promise<Config>, reloadTokens: (config: Config) => Promise<void> = async () => {}) {
  const lines: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(line) });
  return { reload: tokenReloader({ read, running, daemon: { reloadTokens }, log }), lines };
}

test("other tokens are handed to the daemon, and there is nothing else to say", async () => {
  const next = { ...running, writeTokens: new Map() };
  const handed: Config[] = [];
  const { reload, lines } = reloader(
    async () => next,
    async (config) => void handed.push(config),
  );
  await reload();
  expect(handed).toEqual([next]);
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    { level: 30, config: "trustix.toml", msg: "tokens read again" },
  ]);
});

test("what else changed is named as a file spells it", async () => {
  const { reload, lines } = reloader(async () => ({ ...running, remotes: [], pollIntervalMs: 5, warnings: ["x"] }));
  await reload();
  expect(JSON.parse(lines[1]!)).toEqual({
    level: 40,
    changed: ["remotes", "poll-interval"],
    msg: "changed too, and in force after a restart only",
  });
});

test.each([
  [
    "a configuration",
    () =>
      Promise.reject(new NodeError("bad_config", "trustix.toml: write_tokens[0]: something else came", { hint: "h" })),
    async () => {},
  ],
  ["a token file", async () => running, () => Promise.reject(new NodeError("bad_config", "token file x: gone"))],
])("%s that cannot be used changes nothing and is told, and the next one counts", async (_what, read, apply) => {
  let isBad = true;
  const handed: Config[] = [];
  const { reload, lines } = reloader(
    () => (isBad ? read() : Promise.resolve(running)),
    async (config) => (isBad ? apply() : void handed.push(config)),
  );
  await reload();
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 50,
    why: expect.stringMatching(/^(trustix.toml|token file)/),
    msg: "tokens stay as they were: what should be read cannot be used",
  });
  isBad = false;
  await reload();
  expect(handed).toEqual([running]);
});
