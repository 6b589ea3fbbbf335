/**
 * GET from an upstream: follows at most 5 redirects by the rules of `UpstreamUrl`, sends credentials as that says,
 * asks for no content encoding. One connection pool for the upstream's own host, one, with a guarded name lookup, for
 * all that it leads to.
 */
import { Agent, request, type Dispatcher } from "undici";
import { guardedLookup } from "./public-address.ts";
import { SourceError } from "./source-error.ts";
import type { Target, UpstreamUrl } from "./upstream-url.ts";

export type HttpAnswer = Dispatcher.ResponseData;

const MAX_REDIRECTS = 5;
/** Informational answers before the one that counts: they have no end of their own. */
const MAX_HINTS = 16;
/** Of a redirect's body, read to keep the connection. */
const REDIRECT_BODY = 16 * 1024;

export interface HttpGetOptions {
  readonly url: UpstreamUrl;
  readonly connections: number;
  /** Milliseconds: connecting, and pauses in a body. */
  readonly connectTimeout: number;
  readonly stall: number;
  readonly allowed: (address: string) => boolean;
}

export class HttpGet {
  readonly #url: UpstreamUrl;
  readonly #own: Agent;
  readonly #elsewhere: Agent;

  constructor(options: HttpGetOptions) {
    this.#url = options.url;
    const common = {
      connections: options.connections,
      pipelining: 1,
      // The caller's signal ends the wait for the head; this is for callers that forget.
      headersTimeout: 300_000,
      bodyTimeout: options.stall,
      maxHeaderSize: 16 * 1024,
    };
    this.#own = new Agent({ ...common, connect: { timeout: options.connectTimeout } });
    const connect = { timeout: options.connectTimeout, lookup: guardedLookup(options.allowed) };
    this.#elsewhere = new Agent({ ...common, connect });
  }

  /** The first answer that is no redirect; its body must be read or destroyed. Rejects with what undici throws, or `SourceError`. */
  async get(reference: string, signal: AbortSignal): Promise<HttpAnswer> {
    let target = this.#url.resolve(reference);
    for (let hops = 0; ; hops++) {
      const answer = await this.#ask(target, signal);
      const location = answer.headers["location"];
      if (!isRedirect(answer.statusCode) || typeof location !== "string") return answer;
      await answer.body.dump({ limit: REDIRECT_BODY, signal });
      if (hops === MAX_REDIRECTS) {
        throw new SourceError("forbidden", `${this.#url.label} redirects more than ${MAX_REDIRECTS} times`);
      }
      target = this.#url.follow(location, target.url);
    }
  }

  #ask(target: Target, signal: AbortSignal): Promise<HttpAnswer> {
    const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "trustix-nix" };
    if (target.trusted && this.#url.authorization !== undefined) headers["authorization"] = this.#url.authorization;
    const dispatcher = target.own ? this.#own : this.#elsewhere;
    let hints = 0;
    const onInfo = (): void => {
      if (++hints <= MAX_HINTS) return;
      throw new SourceError("malformed", `${this.#url.label} sends early hints (more than ${MAX_HINTS}) and no answer`);
    };
    return request(target.url, { dispatcher, headers, signal, onInfo });
  }

  async close(): Promise<void> {
    await Promise.all([this.#own.destroy(), this.#elsewhere.destroy()]);
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
