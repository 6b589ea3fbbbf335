/**
 * One call of a decider function in a fresh QuickJS runtime. There is no I/O, no clock (`Date` is not there), no
 * chance (`Math.random` is gone), and nothing outlives the call. A result is taken only if it is a short string.
 */
import type { Intrinsics, QuickJSContext, QuickJSHandle, QuickJSWASMModule } from "quickjs-emscripten";
import type { SandboxAnswer, SandboxInput } from "./sandbox.ts";

export interface RunLimits {
  /** Interrupts a call may use; QuickJS makes one every 10 000 steps. */
  readonly interrupts: number;
  /** Bytes the runtime may hold. */
  readonly memory: number;
  /** Milliseconds; only a backstop. */
  readonly wallTime: number;
}

/** 2 million steps take some 20 ms. */
export const runFunctionLimits: RunLimits = { interrupts: 200, memory: 16 << 20, wallTime: 500 };

/** QuickJS's own stack, inside the thread's: a deep recursion ends as a RangeError inside, not as a crash outside. */
const STACK_BYTES = 128 << 10;
/** A digest has 64 digits; more than this is not one. */
const MAX_RESULT = 256;
const MAX_SOURCE = 64 << 10;

/** No Date, no Proxy (a trap can lie to built-in functions), no typed arrays (memory without bookkeeping). */
const OFFERED: Intrinsics = {
  BaseObjects: true,
  Eval: true,
  StringNormalize: true,
  RegExp: true,
  RegExpCompiler: true,
  JSON: true,
  MapSet: true,
  Promise: true,
};

/** Run before the function: takes away what could make two runs differ. */
const PRELUDE = `delete Math.random; for (const name of ["Date", "performance", "WeakRef", "FinalizationRegistry"]) delete globalThis[name];`;

/**
 * Evaluates `source` to a function and calls it with `inputs`; without `inputs` only checks that it is a function.
 * Throws only when the engine itself breaks: drop `quickjs` then.
 */
export function runFunction(
  quickjs: QuickJSWASMModule,
  source: string,
  inputs: readonly SandboxInput[] | undefined,
  limits: RunLimits,
): SandboxAnswer {
  if (source.length > MAX_SOURCE)
    return no(`the source has ${source.length} characters, at most ${MAX_SOURCE} are taken`);
  const runtime = quickjs.newRuntime({ memoryLimitBytes: limits.memory, maxStackSizeBytes: STACK_BYTES });
  const meter = startMeter(limits);
  runtime.setInterruptHandler(meter.tick);
  const context = runtime.newContext({ intrinsics: OFFERED });
  try {
    return evaluate(context, source, inputs, meter);
  } finally {
    context.dispose();
    runtime.dispose();
  }
}

interface Meter {
  /** True stops the engine. */
  tick(): boolean;
  /** Why it was stopped, if it was. */
  stopped(): string | undefined;
}

function startMeter(limits: RunLimits): Meter {
  const end = performance.now() + limits.wallTime;
  let used = 0;
  let why: string | undefined;
  return {
    tick() {
      used++;
      if (used > limits.interrupts) why ??= `it used more than ${limits.interrupts * 10_000} steps`;
      else if (performance.now() > end) why ??= `it took longer than ${limits.wallTime} ms`;
      return why !== undefined;
    },
    stopped: () => why,
  };
}

function evaluate(
  context: QuickJSContext,
  source: string,
  inputs: readonly SandboxInput[] | undefined,
  meter: Meter,
): SandboxAnswer {
  const parse = context.unwrapResult(context.evalCode("JSON.parse"));
  context.unwrapResult(context.evalCode(PRELUDE)).dispose();
  try {
    // On lines of its own, so that a comment at the end of the source does not swallow the parenthesis.
    const made = context.evalCode(`(\n${source}\n)`, "decider.js");
    if (made.error) return failure(context, made.error, meter);
    const func = made.value;
    try {
      if (context.typeof(func) !== "function")
        return no(`the source is a ${context.typeof(func)}, a function was wanted`);
      if (inputs === undefined) return { ok: true, value: "" };
      return call(context, func, parse, JSON.stringify(inputs), meter);
    } finally {
      func.dispose();
    }
  } finally {
    parse.dispose();
  }
}

function call(
  context: QuickJSContext,
  func: QuickJSHandle,
  parse: QuickJSHandle,
  inputs: string,
  meter: Meter,
): SandboxAnswer {
  const text = context.newString(inputs);
  const parsed = context.callFunction(parse, context.undefined, text);
  text.dispose();
  if (parsed.error) return failure(context, parsed.error, meter);
  const result = context.callFunction(func, context.undefined, parsed.value);
  parsed.value.dispose();
  if (result.error) return failure(context, result.error, meter);
  try {
    const stopped = meter.stopped();
    // A function that catches the interrupt must not get an answer through.
    if (stopped !== undefined) return no(stopped);
    const type = context.typeof(result.value);
    if (type !== "string") return no(`it returned a value of type ${type}, a digest in hex was wanted`);
    const length = context.getProp(result.value, "length").consume((handle) => context.getNumber(handle));
    if (length > MAX_RESULT) return no(`it returned ${length} characters, a digest in hex was wanted`);
    return { ok: true, value: context.getString(result.value) };
  } finally {
    result.value.dispose();
  }
}

function no(why: string): SandboxAnswer {
  return { ok: false, why };
}

/** What was thrown, as far as it can be told without running more of the function's code than its meter allows. */
function failure(context: QuickJSContext, error: QuickJSHandle, meter: Meter): SandboxAnswer {
  try {
    const name = shortText(context, error, "name");
    const message = context.typeof(error) === "string" ? clip(context, error) : shortText(context, error, "message");
    const told = [name, message].filter((part) => part !== undefined && part !== "").join(": ");
    return no(
      meter.stopped() ?? (told === "" ? `it threw a value of type ${context.typeof(error)}` : `it threw ${told}`),
    );
  } finally {
    error.dispose();
  }
}

function shortText(context: QuickJSContext, object: QuickJSHandle, property: string): string | undefined {
  if (context.typeof(object) !== "object" || context.sameValue(object, context.null)) return undefined;
  try {
    return context.getProp(object, property).consume((value) => clip(context, value));
  } catch {
    return undefined; // a getter that threw: the value does not want to be shown
  }
}

function clip(context: QuickJSContext, value: QuickJSHandle): string | undefined {
  if (context.typeof(value) !== "string") return undefined;
  const length = context.getProp(value, "length").consume((handle) => context.getNumber(handle));
  return length > MAX_RESULT ? `a text of ${length} characters` : context.getString(value);
}
