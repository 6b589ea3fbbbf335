/**
 * The gate every call passes, whatever wire protocol it came by: who is asking, is there room, by when, are the
 * required fields there; and at its end one count in the metrics.
 */
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { checkRequired, type SignedCall } from "@trustix/protocol";
import type { Logger } from "pino";
import type { KnownToken } from "../model.ts";
import {
  authenticate,
  authorize,
  checkBody,
  checkStillKnown,
  type Credentials,
  type Permissions,
  type Shown,
} from "./authenticate.ts";
import { ServerMetrics } from "./metrics.ts";
import type { ServerParts } from "./parts.ts";
import type { CallContext, Route } from "./route.ts";
import { codeName, rpcError, toRpcError } from "./rpc-error.ts";

/** How late a deadline may be noticed. */
const WATCH_MS = 20;

/** So many messages of the largest size may be in memory, over all calls. */
const LARGEST_AT_ONCE = 16;

export class Gate {
  readonly metrics: ServerMetrics;
  readonly #parts: ServerParts;
  readonly #log: Logger;
  readonly #open = new Set<Call>();
  #held = 0;
  #watching = false;

  constructor(parts: ServerParts, log: Logger) {
    this.#parts = parts;
    this.#log = log;
    this.metrics = new ServerMetrics(parts, () => this.#open.size);
  }

  get inFlight(): number {
    return this.#open.size;
  }

  /**
   * Lets a call in. `timeoutMs` is what the caller allows. Throws `unavailable` when there are too many, `unauthenticated` or `permission_denied` before any of the body is read.
   */
  enter(route: Route, permissions: Permissions, credentials: Credentials, timeoutMs: number | undefined): Call {
    const { limits, clock } = this.#parts;
    if (this.#open.size >= limits.calls) {
      throw this.refused(route, rpcError("busy", `${limits.calls} calls are being answered: try again in a moment`));
    }
    let shown: Shown | undefined;
    try {
      shown = authenticate(this.#parts, route, permissions, credentials);
      authorize(route, permissions, shown);
    } catch (error) {
      throw this.refused(route, toRpcError(error));
    }
    const call = new Call(route, shown, clock.now(), Math.min(timeoutMs ?? limits.callMs, limits.callMs));
    this.#open.add(call);
    this.#watch();
    return call;
  }

  /**
   * Compares a signed call with its body, as it is after any decompression, and notes the call if more than a read may
   * come of it. To be called before `run` for a call with `signed`. Rejects with `unauthenticated`, `busy`, `storage`.
   *
   * Reads are not noted: who could capture one saw its answer, which goes the same way, and a durable note would cost
   * each of them a disk sync.
   */
  async admit(signed: SignedCall, call: Call, body: Uint8Array): Promise<void> {
    checkBody(this.#parts, signed, body);
    const { access } = call.route;
    if (access !== "public" && access !== "private") await this.#parts.signedCalls.take(signed);
  }

  /** The answer to a whole request. Rejects with what was thrown: `toRpcError` makes it what the caller gets. */
  run(call: Call, request: Message): Promise<Message> {
    call.bodyThere = true;
    if (call.caller !== undefined) checkStillKnown(this.#parts, call.caller);
    checkRequired(call.route.method.input, request);
    return call.route.handle(request, call);
  }

  /**
   * Counts bytes of a request or an answer that are held in memory until the call leaves. Throws `resource_exhausted`
   * when all calls together hold too much: each alone is bounded, a thousand of them are not.
   */
  hold(call: Call, bytes: number): void {
    const { messageBytes, answerBytes } = this.#parts.limits;
    const most = LARGEST_AT_ONCE * Math.max(messageBytes, answerBytes);
    call.held += bytes;
    this.#held += bytes;
    if (this.#held > most) throw rpcError("busy", `calls under way hold ${most} bytes: try again in a moment`);
  }

  /** The call was answered, with `ok` or an RPC code. To be called once. */
  leave(call: Call, code: string): void {
    this.#open.delete(call);
    this.#held -= call.held;
    this.metrics.answered(call.route.path, code, this.#parts.clock.now() - call.startedAt);
  }

  /** One timer looks after the deadlines of all calls: a timer for each would cost more than most calls. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const { clock, limits } = this.#parts;
    clock.after(WATCH_MS, () => {
      this.#watching = false;
      const now = clock.now();
      for (const call of this.#open) {
        const ms = call.bodyThere ? call.maxMs : Math.min(call.maxMs, limits.bodyMs);
        if (now - call.startedAt < ms) continue;
        const what = call.bodyThere ? "not done" : "the request's body was not there";
        call.fail(rpcError("deadline", `${what} within ${ms} ms`));
      }
      if (this.#open.size > 0) this.#watch();
    });
  }

  /** Counts and logs a call that was refused before it was let in. */
  refused(route: Route, error: ConnectError): ConnectError {
    this.metrics.answered(route.path, codeName(error), 0);
    return this.logged(route, error);
  }

  logged(route: Route, error: ConnectError): ConnectError {
    const code = codeName(error);
    if (code === "internal" || code === "data_loss") {
      this.#log.error({ method: route.path, code, err: error.cause ?? error }, "call failed");
    } else this.#log.debug({ method: route.path, code, why: error.rawMessage }, "call refused");
    return error;
  }

  /** Logs a fault of ours outside any call. */
  fault(error: unknown, message: string): void {
    this.#log.error({ err: error }, message);
  }

  /** Ends every call that is still running, so that each gets an answer. */
  abortAll(): void {
    for (const call of this.#open) call.fail(rpcError("unavailable", "this node is shutting down"));
  }
}

/** One call under way. */
export class Call implements CallContext {
  readonly route: Route;
  readonly caller: KnownToken | undefined;
  /** What the caller signed; its body is yet to be compared. */
  readonly signed: SignedCall | undefined;
  readonly startedAt: number;
  readonly maxMs: number;
  /** Bytes, see `Gate.hold`. */
  held = 0;
  bodyThere = false;
  /** Told when the call fails while its answer may be on its way. */
  onFail: (() => void) | undefined;
  #failure: ConnectError | undefined;
  #controller: AbortController | undefined;
  #reject: ((error: ConnectError) => void) | undefined;

  constructor(route: Route, shown: Shown | undefined, startedAt: number, maxMs: number) {
    this.route = route;
    this.caller = shown?.by;
    this.signed = shown?.call;
    this.startedAt = startedAt;
    this.maxMs = maxMs;
  }

  get endsAt(): number {
    return this.startedAt + this.maxMs;
  }

  /** Made when first asked for: most calls never look, and a controller costs more than a whole GetHead. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#failure !== undefined) this.#controller.abort(this.#failure);
    }
    return this.#controller.signal;
  }

  /** The call is over for the caller: what is raced rejects, the signal aborts. Only the first reason counts. */
  fail(error: ConnectError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#reject?.(error);
    this.#controller?.abort(error);
    this.onFail?.();
  }

  /** `work`, or the reason why the call failed before it was done. Once a call. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      work.then(resolve, reject);
    });
  }
}
