/** A program's process: streams, signals, the last word on errors, the exit code. */
import { closeSync, openSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import type { Io } from "./command.ts";
import { EXIT } from "./cli-error.ts";
import { explainError } from "./explain-error.ts";
import { runProgram, type ProgramSpec } from "./program.ts";
import { printable } from "./words.ts";

/** Runs the process's command line and ends the process. */
export async function main(spec: ProgramSpec): Promise<never> {
  endOnBrokenPipe(process.stdout);
  endOnBrokenPipe(process.stderr);
  const ending = new AbortController();
  let interrupted = false;
  let isOver = false;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      // Somebody who asks twice does not want to wait for a clean end, nor for a reader when all is done.
      if (ending.signal.aborted || isOver) process.exit(EXIT.interrupted);
      interrupted = name === "SIGINT";
      ending.abort(new Error(`ended by ${name}`));
    });
  }
  // Timers of the commands do not keep the process alive by themselves; the command that waits for them must.
  setInterval(() => undefined, 2 ** 30);
  const io = processIo(ending);
  const exit = await runCommandLine(spec, process.argv.slice(2), io);
  isOver = true;
  // The end of a process takes along what the reader of a pipe has not taken yet.
  await Promise.all([taken(process.stdout), taken(process.stderr)]);
  process.exit(interrupted && exit === EXIT.failed ? EXIT.interrupted : exit);
}

/** One command line, its errors told on `io`; the exit code. Never throws. */
export async function runCommandLine(spec: ProgramSpec, argv: readonly string[], outside: Io): Promise<number> {
  // Reasons, names and notes come from remotes, and through them from strangers.
  const io: Io = {
    ...outside,
    out: (line) => outside.out(printable(line)),
    note: (line) => outside.note(printable(line)),
    progress: (line) => outside.progress(printable(line)),
  };
  try {
    return await runProgram(spec, argv, io);
  } catch (error) {
    // What breaks off because somebody ended it needs no words.
    return io.signal.aborted ? EXIT.failed : report(error, io);
  }
}

async function report(error: unknown, io: Io): Promise<number> {
  const explained = await explainError(error, (code) => hintForRpc(code, io));
  for (const line of explained.message.split("\n")) io.note(`trustix: error: ${line}`);
  if (explained.hint !== undefined) io.note(`trustix: hint: ${explained.hint}`);
  if (explained.bug && error instanceof Error && io.env["TRUSTIX_DEBUG"]) io.note(error.stack ?? "");
  else if (explained.bug) io.note("trustix: hint: this should not happen; TRUSTIX_DEBUG=1 shows where");
  return explained.exit;
}

function hintForRpc(code: string, io: Io): string | undefined {
  switch (code) {
    case "unavailable":
      return io.env["TRUSTIX_RPC"] === undefined
        ? "`trustix daemon` runs a node; --address or TRUSTIX_RPC says where it answers"
        : `TRUSTIX_RPC says to ask ${io.env["TRUSTIX_RPC"]}; \`trustix daemon\` runs a node`;
    case "unauthenticated":
      return "TRUSTIX_TOKEN names the file with your private token (`trustix generate-token`), or with the node's own: trustix.token in its state folder";
    case "unimplemented":
      return "that node does not serve this call at this address: private services answer on its unix socket";
    default:
      return undefined;
  }
}

/** `trustix logs | head -1`: the reader has enough, and nobody wants to hear of it. A full disk is another matter. */
function endOnBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    if (stream === process.stdout) process.stderr.write(`trustix: error: stdout cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
}

/** Resolves when all that was written is out, or never can be. */
function taken(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

/** A terminal that is closed sends SIGHUP as well, and then there is nobody left to run for. */
function isTerminalGone(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}

function processIo(ending: AbortController): Io {
  const watched = process.stderr.isTTY === true;
  let shown = 0;
  const clear = (): void => {
    if (shown > 0) process.stderr.write(`\r${" ".repeat(shown)}\r`);
    shown = 0;
  };
  return {
    out(line) {
      clear();
      process.stdout.write(`${line}\n`);
    },
    outBytes(bytes) {
      clear();
      process.stdout.write(bytes);
    },
    note(line) {
      clear();
      process.stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!watched) return;
      clear();
      const fitting = line.slice(0, (process.stderr.columns || 80) - 1);
      process.stderr.write(fitting);
      shown = fitting.length;
    },
    stdin: () => addAbortSignal(ending.signal, process.stdin),
    env: process.env,
    cwd: process.cwd(),
    uid: process.geteuid?.() ?? 0,
    signal: ending.signal,
    onHangup(call) {
      process.on("SIGHUP", () => {
        if (watched && isTerminalGone()) ending.abort(new Error("the terminal was closed"));
        else call();
      });
    },
    terminal: process.stdout.isTTY === true,
    watched,
    now: () => Date.now(),
  };
}
