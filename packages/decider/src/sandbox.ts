/**
 * Where `javascript` deciders run: QuickJS on a thread of its own. Calls are synchronous and keep nothing between them.
 *
 * Three fences, from the inside out:
 * - a count of interrupts (one is some 10 000 steps) and 16 MB: the same on every machine, so a decision replays;
 * - wall time checked at each interrupt: a backstop for steps that are slow, such as filling the memory;
 * - the caller's own wait: built-in functions of QuickJS can run for hours without an interrupt (a search through a
 *   sparse array); such a thread is ended and a new one takes its place.
 * The last two never yield a decision, only "no decision".
 */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { runFunctionLimits, type RunLimits } from "./run-function.ts";

/** One claim as the function sees it. The names are those of the existing program. */
export interface SandboxInput {
  readonly LogID: string;
  /** Hex of the value's digest. */
  readonly Value: string;
}

export type SandboxAnswer =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly why: string };

export interface Sandbox {
  /** Why `source` is not a function that can be called; `undefined` when it is. Runs its outermost expression. */
  check(source: string): string | undefined;
  /** Calls the function with the plain array of claims. `ok` only if it returned a string. Never throws. */
  call(source: string, inputs: readonly SandboxInput[]): SandboxAnswer;
  /** Ends the thread. Later calls answer that the sandbox is closed. */
  close(): Promise<void>;
}

export interface SandboxLimits extends RunLimits {
  /** Milliseconds the caller waits before the thread is ended. */
  readonly patience: number;
}

export const SANDBOX_LIMITS: SandboxLimits = { ...runFunctionLimits, patience: 1000 };

/** Milliseconds for a new thread to load QuickJS; 40 on an idle machine. */
const START_PATIENCE = 20_000;

/** What goes to the thread: a job, or with `source` undefined only "are you there". */
export interface SandboxJob {
  readonly source: string | undefined;
  /** `undefined`: only check. */
  readonly inputs: readonly SandboxInput[] | undefined;
  readonly limits: RunLimits;
}

/** Starts the thread and waits until it is ready, so that a broken installation shows at start and not at a decision. */
export async function createSandbox(limits: SandboxLimits = SANDBOX_LIMITS): Promise<Sandbox> {
  let thread: Thread | undefined = startThread();
  let closed = false;
  const ready = thread.ask({ source: undefined, inputs: undefined, limits }, START_PATIENCE);
  if (ready === undefined || !ready.ok) {
    await thread.end();
    throw new Error(`the decider sandbox did not start: ${ready === undefined ? "no answer" : ready.why}`);
  }

  function run(source: string, inputs: readonly SandboxInput[] | undefined): SandboxAnswer {
    if (closed) return { ok: false, why: "the sandbox is closed" };
    let patience = limits.patience;
    if (thread === undefined) {
      thread = startThread();
      patience += START_PATIENCE;
    }
    const answer = thread.ask({ source, inputs, limits }, patience);
    if (answer !== undefined) return answer;
    void thread.end();
    thread = undefined;
    return { ok: false, why: `it took longer than ${limits.patience} ms` };
  }

  return {
    check(source) {
      const answer = run(source, undefined);
      return answer.ok ? undefined : answer.why;
    },
    call: (source, inputs) => run(source, inputs),
    async close() {
      closed = true;
      await thread?.end();
      thread = undefined;
    },
  };
}

interface Thread {
  /** `undefined`: no answer in time, or the thread is gone; it must be ended. */
  ask(job: SandboxJob, patience: number): SandboxAnswer | undefined;
  end(): Promise<void>;
}

function startThread(): Thread {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const { port1: here, port2: there } = new MessageChannel();
  // The name ends as this file's own does, so that a bundle finds its neighbour.
  const file = import.meta.url.endsWith(".ts") ? "./sandbox-thread.ts" : "./sandbox-thread.js";
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: { bell, port: there },
    transferList: [there],
    resourceLimits: { maxOldGenerationSizeMb: 64 },
    // Nothing of the parent's flags or environment is for a decider.
    execArgv: [],
    env: {},
  });
  // An error of the thread shows as silence to whoever asks; without a listener it would end the process.
  worker.on("error", () => undefined);
  worker.unref();
  here.unref();
  return {
    ask(job, patience) {
      Atomics.store(bell, 0, 0);
      here.postMessage(job);
      Atomics.wait(bell, 0, 0, patience);
      return receiveMessageOnPort(here)?.message as SandboxAnswer | undefined;
    },
    async end() {
      here.close();
      await worker.terminate();
    },
  };
}
