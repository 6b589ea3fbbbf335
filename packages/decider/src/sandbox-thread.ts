/** The thread of the sandbox: takes one job after the other, answers, rings the bell that its caller sleeps on. */
import { workerData, type MessagePort } from "node:worker_threads";
import { newQuickJSWASMModuleFromVariant, RELEASE_SYNC } from "quickjs-emscripten";
import { runFunction } from "./run-function.ts";
import type { SandboxAnswer, SandboxJob } from "./sandbox.ts";

const { bell, port } = workerData as { bell: Int32Array; port: MessagePort };
let quickjs = await newQuickJSWASMModuleFromVariant(RELEASE_SYNC);

port.on("message", (job: SandboxJob) => void work(job));

async function work(job: SandboxJob): Promise<void> {
  let answer: SandboxAnswer;
  let broken = false;
  try {
    answer =
      job.source === undefined ? { ok: true, value: "" } : runFunction(quickjs, job.source, job.inputs, job.limits);
  } catch (error) {
    // The engine itself gave up (its stack, its memory, an assertion): this instance is not to be trusted any more.
    broken = true;
    answer = { ok: false, why: `the engine gave up: ${error instanceof Error ? error.message : "unknown"}` };
  }
  if (broken) quickjs = await newQuickJSWASMModuleFromVariant(RELEASE_SYNC);
  port.postMessage(answer);
  Atomics.store(bell, 0, 1);
  Atomics.notify(bell, 0);
}
