/** Runs a program to its end and keeps what it said, both streams in the order in which they came. */
import { spawn } from "node:child_process";
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

/** A program that cannot be started is an execution that failed, with the reason as its output. */
export function execute(program: string, args: readonly string[], options: ExecuteOptions = {}): Promise<Execution> {
  return new Promise((resolve) => {
    const { cwd = ROOT, env = process.env, show = false } = options;
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => resolve({ code: 127, output: `cannot run ${program}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}
