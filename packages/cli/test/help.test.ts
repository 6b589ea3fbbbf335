/** What every `--help` looks like. */
import { expect, test } from "vitest";
import type { Io } from "../src/command.ts";
import { runProgram, type ProgramSpec } from "../src/program.ts";
import { TRUSTIX_NIX } from "../src/trustix-nix-commands.ts";
import { TRUSTIX } from "../src/trustix-commands.ts";

async function helpOf(program: ProgramSpec, words: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  const io = { out: (text: string) => void lines.push(...text.split("\n")) } as Partial<Io> as Io;
  expect(await runProgram(program, [...words, "--help"], io)).toBe(0);
  return lines;
}

const COMMANDS = [TRUSTIX, TRUSTIX_NIX].flatMap((program) =>
  program.commands.flatMap((command): [string, ProgramSpec, string[]][] =>
    "commands" in command
      ? command.commands.map((inner) => [
          `${program.name} ${command.name} ${inner.name}`,
          program,
          [command.name, inner.name],
        ])
      : [[`${program.name} ${command.name}`, program, [command.name]]],
  ),
);

test.each(COMMANDS)("%s --help breaks its sentences at the right edge only", async (_name, program, words) => {
  const lines = await helpOf(program, words);
  const prose = lines.slice(
    0,
    lines.findIndex((line) => line === "Arguments:" || line === "Options:"),
  );
  for (const [i, line] of prose.entries()) {
    expect(line.length).toBeLessThanOrEqual(100);
    const [next = ""] = (prose[i + 1] ?? "").split(" ");
    if (line !== "" && next !== "") expect(`${line} ${next}`.length).toBeGreaterThan(100);
  }
});
