/**
 * One binary cache: what it says about a path, and the files of its NARs. Nothing it says is believed; what it says is
 * kept for a while, asked once for many clients, and a breaker keeps it from costing anybody time while it is down.
 */
import { hashPartOf, NixFormatError, parseNarInfo, type CachePublicKey, type NarInfo } from "@trustix/nix-formats";
import { Breaker, type BreakerState, type Failure } from "./breaker.ts";
import { BytesLru } from "./bytes-lru.ts";
import { deadline, pause, unlessAborted } from "./deadline.ts";
import { HttpGet, type HttpAnswer } from "./http-get.ts";
import type { ProxyClock, ProxyLimits, UpstreamConfig } from "./model.ts";
import { readBody } from "./read-body.ts";
import { asSourceError, SourceError } from "./source-error.ts";
import { UpstreamUrl } from "./upstream-url.ts";

/** What an upstream says about a path. Never thrown, so that one upstream's trouble is not another's. */
export type Lookup =
  | { readonly upstream: Upstream; readonly info: NarInfo; readonly error?: undefined }
  | { readonly upstream: Upstream; readonly info?: undefined; readonly error: SourceError };

/** Tries of one request, and milliseconds before the second; each later pause is twice the one before. */
const ATTEMPTS = 3;
const RETRY = 100;

export interface UpstreamOptions {
  readonly config: UpstreamConfig;
  readonly clock: ProxyClock;
  readonly limits: ProxyLimits;
  readonly allowed: (address: string) => boolean;
  /** Called with every change, for logs and metrics. */
  readonly onState: (label: string, state: BreakerState) => void;
  /** Called with the outcome of every request that was made. */
  readonly onAnswer: (label: string, outcome: SourceError["kind"] | "ok") => void;
}

export class Upstream {
  /** Its URL without credentials. */
  readonly label: string;
  readonly publicKeys: readonly CachePublicKey[];
  readonly #options: UpstreamOptions;
  readonly #http: HttpGet;
  readonly #breaker: Breaker;
  readonly #known: BytesLru<{ lookup: Lookup; until: number }>;
  readonly #asking = new Map<string, Promise<Lookup>>();

  constructor(options: UpstreamOptions) {
    const { config, clock, limits, allowed } = options;
    const url = new UpstreamUrl(config.url, allowed);
    this.#options = options;
    this.label = url.label;
    this.publicKeys = config.publicKeys;
    this.#http = new HttpGet({
      url,
      connections: limits.upstreamConnections,
      connectTimeout: limits.upstreamBudget,
      stall: limits.stall,
      allowed,
    });
    this.#known = new BytesLru(limits.cacheBytes);
    this.#breaker = new Breaker({
      clock,
      rest: limits.breakerRest,
      probe: () => this.#answers(),
      changed: (state) => options.onState(this.label, state),
    });
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  /** What it says about the path with this hash part, within the budget. Clients that ask at once share one request. */
  lookUp(hashPart: string): Promise<Lookup> {
    const known = this.#known.get(hashPart);
    if (known !== undefined && known.until > this.#options.clock.now()) return Promise.resolve(known.lookup);
    const asking = this.#asking.get(hashPart) ?? this.#ask(hashPart);
    this.#asking.set(hashPart, asking);
    return asking;
  }

  /** Forgets what it said about the path: it did not hold. */
  forget(hashPart: string): void {
    this.#known.delete(hashPart);
  }

  async #ask(hashPart: string): Promise<Lookup> {
    const { clock, limits } = this.#options;
    try {
      const info = await this.#narInfo(hashPart);
      const lookup: Lookup = { upstream: this, info };
      const bytes = 600 + 160 * info.references.length;
      this.#known.set(hashPart, { lookup, until: clock.now() + limits.narinfoAge }, bytes);
      return lookup;
    } catch (cause) {
      const error = asSourceError(cause, this.label);
      const lookup: Lookup = { upstream: this, error };
      const lasting = error.kind === "absent" || error.kind === "malformed" || error.kind === "forbidden";
      if (lasting) this.#known.set(hashPart, { lookup, until: clock.now() + limits.undecided }, 300);
      return lookup;
    } finally {
      this.#asking.delete(hashPart);
    }
  }

  async #narInfo(hashPart: string): Promise<NarInfo> {
    const what = `${this.label}${hashPart}.narinfo`;
    const limit = deadline(this.#options.clock, this.#options.limits.upstreamBudget);
    try {
      const answer = await this.#get(`${hashPart}.narinfo`, limit.signal, what);
      const bytes = await unlessAborted(limit.signal, readBody(answer, this.#options.limits.narinfoBytes, what));
      const info = parseNarInfo(bytes);
      if (hashPartOf(info.storePath) !== hashPart)
        throw new SourceError("malformed", `${what} is of ${info.storePath}`);
      this.#options.onAnswer(this.label, "ok");
      return info;
    } catch (cause) {
      throw this.#judged(cause, what, limit.over());
    } finally {
      limit.settle();
    }
  }

  /**
   * The file of a NAR, as the upstream has it: the head must come within the budget, the body may take its time but not
   * stall. Rejects with `SourceError`.
   */
  async open(info: NarInfo, signal: AbortSignal): Promise<HttpAnswer> {
    const what = `${this.label}: NAR of ${info.storePath}`;
    const limit = deadline(this.#options.clock, this.#options.limits.upstreamBudget, signal);
    try {
      const answer = await this.#get(info.url, limit.signal, what);
      const encoding = answer.headers["content-encoding"];
      if (encoding !== undefined && encoding !== "identity") {
        discard(answer);
        throw new SourceError("unsupported", `${what}: content encoding ${JSON.stringify(encoding)}`);
      }
      this.#options.onAnswer(this.label, "ok");
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
    this.#options.onAnswer(this.label, error.kind);
    if (error.kind === "unreachable") this.#breaker.failed(timedOut ? "silence" : failureOf(error.cause));
    else this.#breaker.succeeded();
    return error;
  }

  /** Whether it answers anything sensible within its budget. */
  async #answers(): Promise<boolean> {
    const limit = deadline(this.#options.clock, this.#options.limits.upstreamBudget);
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

  async close(): Promise<void> {
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
