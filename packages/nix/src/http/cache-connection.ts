/**
 * One binary cache at one URL, asked within a budget: its small files whole, its NARs as they come. What may pass is tried
 * again within that time, and a breaker keeps a cache that is down from costing anybody more than the first request.
 */
import { NixFormatError } from "@trustix/nix-formats";
import type { Clock } from "../clock.ts";
import { Breaker, type BreakerState, type Failure } from "./breaker.ts";
import { deadline, pause, unlessAborted } from "./deadline.ts";
import { HttpGet, type HttpAnswer } from "./http-get.ts";
import { readBody } from "./read-body.ts";
import { asSourceError, SourceError } from "./source-error.ts";
import { UpstreamUrl } from "./upstream-url.ts";

/** Tries of one request, and milliseconds before the second; each later pause is twice the one before. */
const ATTEMPTS = 3;
const RETRY = 100;

export interface CacheConnectionOptions {
  /** `http` or `https`; a user name and password in it are sent to this host only. */
  readonly url: string;
  readonly clock: Clock;
  /** Milliseconds until a small file is there, or the head of a NAR. */
  readonly budget: number;
  readonly connections: number;
  /** Milliseconds that a NAR's body may pause. */
  readonly stall: number;
  /** Milliseconds that the cache is left alone after it failed, doubling up to sixteen times of it. */
  readonly rest: number;
  /** Whether an address other than the cache's own may be connected to, for absolute URLs and redirects. */
  readonly allowed: (address: string) => boolean;
  /** Called with every change. */
  readonly onState?: (label: string, state: BreakerState) => void;
  /** Called with the outcome of every request that was made. */
  readonly onAnswer?: (label: string, outcome: SourceError["kind"] | "ok") => void;
}

export class CacheConnection {
  /** Its URL without credentials. */
  readonly label: string;
  readonly #options: CacheConnectionOptions;
  readonly #http: HttpGet;
  readonly #breaker: Breaker;
  readonly #closing = new AbortController();

  /** Throws `TypeError` for what is no http(s) URL. */
  constructor(options: CacheConnectionOptions) {
    const url = new UpstreamUrl(options.url, options.allowed);
    this.#options = options;
    this.label = url.label;
    this.#http = new HttpGet({
      url,
      connections: options.connections,
      connectTimeout: options.budget,
      stall: options.stall,
      allowed: options.allowed,
    });
    this.#breaker = new Breaker({
      clock: options.clock,
      rest: options.rest,
      probe: () => this.#answers(),
      changed: (state) => options.onState?.(this.label, state),
    });
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  /**
   * What `read` makes of a small file of at most `maxBytes`; a `NixFormatError` of it is `malformed`. Rejects with
   * `SourceError`.
   */
  async file<T>(name: string, maxBytes: number, read: (bytes: Uint8Array, what: string) => T): Promise<T> {
    const what = `${this.label}${name}`;
    const limit = deadline(this.#options.clock, this.#options.budget, this.#closing.signal);
    try {
      const answer = await this.#get(name, limit.signal, what);
      const made = read(await unlessAborted(limit.signal, readBody(answer, maxBytes, what)), what);
      this.#options.onAnswer?.(this.label, "ok");
      return made;
    } catch (cause) {
      throw this.#judged(cause, what, limit.over());
    } finally {
      limit.settle();
    }
  }

  /**
   * A file as the cache has it: the head must come within the budget, the body may take its time but not stall. `what`
   * names it in errors. Rejects with `SourceError`.
   */
  async open(reference: string, what: string, signal: AbortSignal): Promise<HttpAnswer> {
    const limit = deadline(this.#options.clock, this.#options.budget, signal);
    try {
      const answer = await this.#get(reference, limit.signal, what);
      const encoding = answer.headers["content-encoding"];
      if (encoding !== undefined && encoding !== "identity") {
        discard(answer);
        throw new SourceError("unsupported", `${what}: content encoding ${JSON.stringify(encoding)}`);
      }
      this.#options.onAnswer?.(this.label, "ok");
      return answer;
    } catch (cause) {
      throw this.#judged(cause, what, limit.over());
    } finally {
      limit.settle();
    }
  }

  /**
   * A 200 answer. What may pass (a connection that was closed while idle, a 502) is tried again within the signal's time: a
   * client that asked the cache itself would do so too.
   */
  async #get(reference: string, signal: AbortSignal, what: string): Promise<HttpAnswer> {
    let error = new SourceError("resting", `${this.label} is left alone after it failed`);
    for (let attempt = 0; attempt < ATTEMPTS && this.#breaker.allows(); attempt++) {
      if (attempt > 0) {
        this.#breaker.failed("refusal");
        await pause(this.#options.clock, RETRY * 2 ** (attempt - 1), signal);
      }
      try {
        const answer = await this.#http.get(reference, signal);
        error = refusalOf(answer, what) ?? error;
        if (answer.statusCode === 200) {
          this.#breaker.succeeded();
          return answer;
        }
      } catch (cause) {
        error = asSourceError(cause, what);
      }
      if (error.kind !== "unreachable" || signal.aborted) break;
    }
    throw error;
  }

  /** Tells breaker and metrics. */
  #judged(cause: unknown, what: string, timedOut: boolean): SourceError {
    const error =
      cause instanceof NixFormatError
        ? new SourceError("malformed", `${what}: ${cause.message}`, { cause })
        : asSourceError(cause, what);
    if (error.kind === "resting") return error;
    this.#options.onAnswer?.(this.label, error.kind);
    if (error.kind === "unreachable") this.#breaker.failed(timedOut ? "silence" : failureOf(error.cause));
    else this.#breaker.succeeded();
    return error;
  }

  /** Whether it answers anything sensible within its budget. */
  async #answers(): Promise<boolean> {
    const limit = deadline(this.#options.clock, this.#options.budget, this.#closing.signal);
    try {
      const answer = await this.#http.get("nix-cache-info", limit.signal);
      discard(answer);
      return answer.statusCode < 500 && answer.statusCode !== 429 && answer.statusCode !== 408;
    } catch {
      return false;
    } finally {
      limit.settle();
    }
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("it is asked no more"));
    await this.#http.close();
  }
}

function refusalOf(answer: HttpAnswer, what: string): SourceError | undefined {
  if (answer.statusCode === 200) return undefined;
  discard(answer);
  const absent = answer.statusCode === 404 || answer.statusCode === 410 || answer.statusCode === 403;
  return new SourceError(absent ? "absent" : "unreachable", `${what}: HTTP status ${answer.statusCode}`);
}

/** Closes the connection under a body that is not wanted; that this is an error of the body is known. */
function discard(answer: HttpAnswer): void {
  answer.body.on("error", () => undefined).destroy();
}

function failureOf(cause: unknown): Failure {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code === "UND_ERR_CONNECT_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT" ? "silence" : "refusal";
}
