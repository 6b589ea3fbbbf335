/** A program that keeps running: started with an argument list, watched, and ended for certain. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

export interface ProgramOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Milliseconds after which what should have come will not: long, because a busy machine is no reason to fail. */
const PATIENCE = 90_000;

/** How much of what a program says is kept. */
const KEPT = 200_000;

export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #listeners = new Set<() => void>();
  #said = "";
  #over = false;

  constructor({ name, command, args, env, cwd }: ProgramOptions) {
    this.name = name;
    this.#child = spawn(command, args, {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const hear = (chunk: string): void => {
      this.#said = (this.#said + chunk).slice(-KEPT);
      for (const listener of this.#listeners) listener();
    };
    this.#child.stdout?.setEncoding("utf8").on("data", hear);
    this.#child.stderr?.setEncoding("utf8").on("data", hear);
    this.#ended = new Promise((resolve) => {
      const over = (why: string): void => {
        this.#over = true;
        hear(`\n[${name} ${why}]\n`);
        resolve();
      };
      this.#child.on("error", (error) => over(`did not start: ${error.message}`));
      this.#child.on("close", (code, signal) => over(`ended with ${signal ?? code}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return !this.#over;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** What it wrote to stdout and stderr, the end of it if it was much. */
  get said(): string {
    return this.#said;
  }

  /** The first line that matches, also one said before. Rejects when the program ends without it, or in `ms`. */
  async heard(pattern: RegExp, ms = PATIENCE): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const line = this.#said.split("\n").find((text) => pattern.test(text));
      if (line !== undefined) resolve(line);
      else if (this.#over)
        reject(new Error(`${this.name} ended before it said ${pattern}:\n${this.#said.slice(-2000)}`));
    };
    const timer = setTimeout(() => {
      reject(new Error(`${this.name} did not say ${pattern} within ${ms} ms:\n${this.#said.slice(-2000)}`));
    }, ms);
    this.#listeners.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  /** Resolves once `ask` answers. Rejects with what it said when it ends before that, or in `ms`. */
  async answers(ask: () => Promise<unknown>, ms = PATIENCE): Promise<void> {
    const asked = until(`${this.name} answers`, async () => (this.#over ? true : await ask()), ms);
    await asked.catch((cause: unknown) => {
      throw new Error(`${this.name} does not answer:\n${this.#said.slice(-2000)}`, { cause });
    });
    if (this.#over) throw new Error(`${this.name} ended at once:\n${this.#said.slice(-2000)}`);
  }

  /** Asks it to end, and makes it end after `ms`; the exit code, `null` if it had to be made. */
  async stop(ms = 8000): Promise<number | null> {
    if (this.#over) return this.#child.exitCode;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ms);
    await this.#ended;
    clearTimeout(timer);
    return this.#child.exitCode;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Stops it where it is, as a machine that hangs: connections stay open and nobody answers. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }
}

/**
 * Resolves with the first result that is not `undefined`; asks again every 50 ms. Rejects after `ms`, naming `what`, and as
 * soon as `signal` is aborted.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  ms = PATIENCE,
  signal?: AbortSignal,
): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const result = await ask();
      if (result !== undefined) return result;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
