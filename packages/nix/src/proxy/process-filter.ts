/** Compressing and decompressing by a program: xz is read three times as fast as in WebAssembly, beside the main thread. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { consume, type Filter, type OnOutput } from "./filter.ts";
import { SourceError } from "../http/source-error.ts";

/** What of a program's complaint is kept. */
const MAX_COMPLAINT = 500;

export class ProcessFilter implements Filter {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #error: Error | undefined;
  #complaint = "";

  /** The program reads standard input and writes standard output. */
  constructor(program: string, args: readonly string[], onOutput: OnOutput) {
    const child = spawn(program, args, { stdio: "pipe", env: { LC_ALL: "C" }, windowsHide: true });
    this.#child = child;
    consume(child.stdout, onOutput, (error) => {
      this.#error = error;
      this.destroy();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(0, MAX_COMPLAINT);
    });
    // A program that ended early closes its input; why it ended is told by its end.
    child.stdin.on("error", () => undefined);
    this.#ended = new Promise((resolve, reject) => {
      // Not the file's fault, so it must not count against its source.
      const ownTrouble = (why: string) => reject(new SourceError("unsupported", `${program} ${why}`));
      child.on("error", (error) => ownTrouble(`cannot be run: ${error.message}`));
      child.on("close", (code, signal) => {
        if (this.#error !== undefined) reject(this.#error);
        // A complaint without failure is, for one, bzip2's way to pass over garbage at the end.
        else if (code === 0 && this.#complaint === "") resolve();
        else if (code === null) ownTrouble(`was ended by ${signal}`);
        else reject(new Error(`${program} ended with ${code}: ${this.#complaint.trim()}`));
      });
    });
    // Whoever waits gets the rejection; nobody may be waiting yet.
    this.#ended.catch(() => undefined);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { stdin } = this.#child;
    if (this.#child.exitCode !== null || stdin.destroyed) return this.#endedEarly();
    let go: (() => void) | undefined;
    await new Promise<void>((resolve) => {
      go = resolve;
      stdin.once("close", go);
      stdin.write(chunk, () => resolve());
    });
    stdin.off("close", go!);
    return undefined;
  }

  async #endedEarly(): Promise<void> {
    await this.#ended;
    throw new Error("data after the end of the stream");
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  destroy(): void {
    this.#child.kill("SIGKILL");
    this.#child.stdin.destroy();
  }
}
