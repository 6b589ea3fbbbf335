/**
 * Transcripts of commands: what a person would type and see.
 *
 *     # a comment
 *     $ trustix submit --key 00 --value 01
 *     OK
 *     ! a line on stderr
 *     ? 3
 *
 * `$` starts a command (run by `sh`, with `trustix` and `trustix-nix` from the source), the lines after it are stdout,
 * `!` lines stderr, `? N` the exit code (0 unless said). `[..]` stands for any text in a line, a line `...` for any lines.
 * `$ID`, `$DIGEST` and other names given to the runner are filled in.
 */
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import type { Io } from "../src/command.ts";
import { runCommandLine } from "../src/main.ts";
import type { ProgramSpec } from "../src/program.ts";
import { TRUSTIX_NIX } from "../src/trustix-nix-commands.ts";
import { TRUSTIX } from "../src/trustix-commands.ts";

export interface Step {
  readonly line: number;
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exit: number;
}

export function parseTranscript(text: string): Step[] {
  const steps: { line: number; command: string; stdout: string[]; stderr: string[]; exit: number }[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.startsWith("$ ")) {
      steps.push({ line: i + 1, command: line.slice(2), stdout: [], stderr: [], exit: 0 });
      continue;
    }
    const step = steps.at(-1);
    if (line.startsWith("#") || line === "" || step === undefined) continue;
    if (line.startsWith("! ")) step.stderr.push(line.slice(2));
    else if (line === "!") step.stderr.push("");
    else if (line.startsWith("? ")) step.exit = Number(line.slice(2));
    else if (line === "_") step.stdout.push("");
    else step.stdout.push(line);
  }
  return steps;
}

export interface Seen {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exit: number;
}

export interface Surroundings {
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/**
 * Runs a step's command: a plain call of our programs here, on the same code below `main`; anything a shell must read in
 * a shell, with processes of its own. A process costs half a second of a busy machine, and most steps need none.
 */
export function runCommand(command: string, options: Surroundings): Promise<Seen> {
  const plain = plainCall(command);
  return plain === undefined ? runInShell(command, options) : callHere(plain, options);
}

interface PlainCall {
  readonly program: ProgramSpec;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** `NAME=value trustix words "more words"`; `undefined` for what only a shell understands. */
function plainCall(command: string): PlainCall | undefined {
  const words = command.match(/"[^"]*"|[^\s"]+/g)?.map((word) => word.replaceAll('"', "")) ?? [];
  const env: Record<string, string> = {};
  while (/^[A-Z_]+=/.test(words[0] ?? "")) {
    const [name, value] = words.shift()!.split("=") as [string, string];
    env[name] = value;
  }
  const program = [TRUSTIX, TRUSTIX_NIX].find(({ name }) => name === words[0]);
  return program === undefined || /[|&;<>$`(]/.test(command) ? undefined : { program, argv: words.slice(1), env };
}

async function callHere({ program, argv, env }: PlainCall, options: Surroundings): Promise<Seen> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const io: Io = {
    out: (line) => void out.push(Buffer.from(`${line}\n`)),
    outBytes: (bytes) => void out.push(Buffer.from(bytes)),
    note: (line) => void err.push(Buffer.from(`${line}\n`)),
    progress: () => undefined,
    stdin: () => Readable.from([]),
    env: { ...options.env, ...env },
    cwd: options.cwd,
    uid: process.geteuid?.() ?? 0,
    signal: new AbortController().signal,
    onHangup: () => undefined,
    terminal: false,
    watched: false,
    now: () => Date.now(),
  };
  const exit = await runCommandLine(program, argv, io);
  return { stdout: linesOf(out), stderr: linesOf(err), exit };
}

function runInShell(command: string, options: Surroundings): Promise<Seen> {
  const source = (name: string): string => `${import.meta.dirname}/../src/${name}.ts`;
  const functions = ["trustix", "trustix-nix"].map((name) => {
    const word = name.replace("-", "_");
    return `${word}() { "${process.execPath}" "${source(name)}" "$@"; }\nalias ${name}=${word}`;
  });
  const script = `${functions.join("\n")}\n${command.replaceAll(/\btrustix-nix /g, "trustix_nix ")}`;
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", script], { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ stdout: linesOf(out), stderr: linesOf(err), exit: exit ?? -1 }));
  });
}

function linesOf(chunks: readonly Buffer[]): string[] {
  const text = Buffer.concat(chunks).toString();
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** `seen` with every part that a pattern allows replaced by the pattern, so that a difference shows as a difference. */
export function fitTo(patterns: readonly string[], seen: readonly string[]): readonly string[] {
  return matches(patterns, seen) ? patterns : seen;
}

function matches(patterns: readonly string[], lines: readonly string[]): boolean {
  const [pattern, ...rest] = patterns;
  if (pattern === undefined) return lines.length === 0;
  if (pattern === "...") return lines.some((_, i) => matches(rest, lines.slice(i))) || rest.length === 0;
  const [line, ...after] = lines;
  if (line === undefined) return false;
  const parts = pattern.split("[..]").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "u").test(line) && matches(rest, after);
}
