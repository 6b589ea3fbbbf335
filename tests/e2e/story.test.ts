/** `npm start` as a person runs it: the story comes out as told, in a minute, and leaves nothing behind. */
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Program } from "../../examples/four-planets/program.ts";
import { NIXES } from "./nixes.ts";

const RUN = join(import.meta.dirname, "../../scripts/run.mjs");

function start(...args: string[]): Program {
  // Nothing is installed on the system by a test.
  const env = { ...process.env, TRUSTIX_NO_APT: "1" };
  return new Program({ name: "npm start", command: process.execPath, args: [RUN, "start", ...args], env });
}

/** The end of the story: whoever differs is excluded for it, and whoever equivocates by proof that convinces others. */
function expectLiarsOut(said: string): void {
  expect(said).toMatch(/✗ saturn is excluded: alone on \d+ packages in \d+ compared paths/);
  expect(said).toMatch(/✓ antenna-1\.0: decided, confidence 75 — without saturn/);
  expect(said).toMatch(/✗ pluto is excluded: two signed heads of size 1 differ/);
  expect(said).toMatch(/neighbour +pluto still counts/);
  expect(said).toMatch(/✓ convicts \S{44}: two signed heads of size 1 differ/);
  expect(said).toMatch(/evidence import \S+\n +neighbour +excluded: two signed heads of size 1 differ/);
  expect(said).toMatch(/✓ rocket-1\.0 is decided there by the three who are left, confidence 60/);
}

const folders = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("planets-"));

async function toTheEnd(program: Program): Promise<string> {
  await program.heard(/^\[npm start ended/, 150_000);
  return program.said;
}

test("it names its flags and does nothing else when it is asked for help", async () => {
  const program = start("--help");
  const said = await toTheEnd(program);
  expect(program.exitCode, said).toBe(0);
  expect(said).toContain("--once         end after the story");
});

test.skipIf(NIXES[0]!.nix === undefined)("with Nix it installs what three agree on and refuses the rest", async () => {
  const before = await folders();
  const program = start("--once");
  const said = await toTheEnd(program);
  expect(program.exitCode, said).toBe(0);
  expect(said).toMatch(/saturn +sha256:\S+ +← the same path, other bytes/);
  expect(said.match(/← the same path/g)).toHaveLength(1);
  expect(said).toContain("3 of 4 agree and 3 are wanted: decided, confidence 75");
  expect(said).toMatch(/✓ installed rocket-1\.0 and 2 paths it refers to; contents and signatures verified/);
  expect(said).toContain("got saturn's implant, validly signed");
  expect(said).toMatch(/✗ Nix: .*telemetry-0\.3/);
  expect(said).toMatch(/mission-plan: all 4 logs prove that they do not have it/);
  expectLiarsOut(said);
  expect(said).toMatch(/That took [\d.]+ s\./);
  expect(await folders()).toEqual(before);
});

test("without Nix the logs, the vote and the proxy are real, and it says that nothing was installed", async () => {
  const before = await folders();
  const program = start("--once", "--without-nix");
  const said = await toTheEnd(program);
  expect(program.exitCode, said).toBe(0);
  expect(said).toMatch(/saturn +sha256:\S+ +← the same path, other bytes/);
  expect(said).toMatch(/✓ rocket-1\.0: signature and NAR hash checked/);
  expect(said).toMatch(/the proxy answers 404/);
  expectLiarsOut(said);
  expect(said).toContain("Nothing was installed");
  expect(await folders()).toEqual(before);
});

test("left running it says what to try, and Ctrl-C ends every process and removes the folder", async () => {
  const before = await folders();
  const program = start("--without-nix");
  const line = await program.heard(/trusted-public-keys = /, 150_000);
  expect(line).toMatch(/= my-own-proxy-1:\S{44}$/);
  const proxy = /substituters = (\S+)/.exec(await program.heard(/substituters = /))![1]!;
  const kill = await program.heard(/kill \d+ \d+/);
  expect((await fetch(`${proxy}/nix-cache-info`)).status).toBe(200);
  const pids = [...kill.matchAll(/\d+(?=[ \u001b])/g)].map(([pid]) => Number(pid)).slice(0, 2);
  for (const pid of pids) expect(() => process.kill(pid, 0)).not.toThrow();

  process.kill(program.pid, "SIGINT");
  await toTheEnd(program);
  expect(program.exitCode).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  await expect(fetch(`${proxy}/nix-cache-info`)).rejects.toThrow();
  expect(await folders()).toEqual(before);
});

test.each([/Four planets build/, /a signed head$/, /One store path/])(
  "ended in the middle, at %s, it leaves nothing",
  async (line) => {
    const before = await folders();
    const program = start();
    await program.heard(line, 150_000);
    process.kill(program.pid, "SIGTERM");
    await toTheEnd(program);
    expect(program.exitCode, program.said).toBe(0);
    expect(program.said).not.toMatch(/Error|trustix: error/);
    expect(await folders()).toEqual(before);
  },
);

test("a word it does not know is wrong usage", async () => {
  const program = start("--onec");
  expect(await toTheEnd(program)).toContain("--onec came, --once or --without-nix wanted");
  expect(program.exitCode).toBe(2);
});
