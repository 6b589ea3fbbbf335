/** Runs a program to its end and keeps what it said, both streams in the order in which they came. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, where every step runs. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Execution {
  readonly code: number;
  readonly output: string;
}

export interface ExecuteOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Show the output while it comes, too. */
  readonly show?: boolean;
}

/** What runs now, for `endOnSignals`: state of the process, as its signals are. */
const running = new Set<ChildProcess>();

/** Ctrl-C and SIGTERM end this process and every program that it runs. Called once, by a program's main file. */
export function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
  process.on("exit", () => {
    for (const child of running) child.kill("SIGTERM");
  });
}

/** How long output may still come after the end, from a process that the program has left behind. */
const LAST_WORDS_MS = 1000;

/**
 * A program that cannot be started is an execution that failed, with the reason as its output. The end of the program
 * ends the execution, also when something it started lives on and holds its output open.
 */
export function execute(program: string, args: readonly string[], options: ExecuteOptions = {}): Promise<Execution> {
  return new Promise((resolve) => {
    const { cwd = ROOT, env = process.env, show = false } = options;
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    let waiting: NodeJS.Timeout | undefined;
    const end = (code: number | null) => {
      clearTimeout(waiting);
      running.delete(child);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() });
    };
    child.on("error", (error) => resolve({ code: 127, output: `cannot run ${program}: ${error.message}\n` }));
    child.on("exit", (code) => (waiting = setTimeout(end, LAST_WORDS_MS, code)));
    child.on("close", end);
  });
}
