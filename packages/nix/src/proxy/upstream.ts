/**
 * One binary cache: what it says about a path, and the files of its NARs. Nothing it says is believed; what it says is
 * kept for a while and asked once for many clients.
 */
import { hashPartOf, parseNarInfo, type CachePublicKey, type NarInfo } from "@trustix/nix-formats";
import { BytesLru } from "../bytes-lru.ts";
import type { Clock } from "../clock.ts";
import type { BreakerState } from "../http/breaker.ts";
import { CacheConnection } from "../http/cache-connection.ts";
import type { HttpAnswer } from "../http/http-get.ts";
import { asSourceError, SourceError } from "../http/source-error.ts";
import type { ProxyLimits, UpstreamConfig } from "./model.ts";

/** What an upstream says about a path. Never thrown, so that one upstream's trouble is not another's. */
export type Lookup =
  | { readonly upstream: Upstream; readonly info: NarInfo; readonly error?: undefined }
  | { readonly upstream: Upstream; readonly info?: undefined; readonly error: SourceError };

export interface UpstreamOptions {
  readonly config: UpstreamConfig;
  readonly clock: Clock;
  readonly limits: ProxyLimits;
  readonly allowed: (address: string) => boolean;
  /** Called with every change, for logs and metrics. */
  readonly onState: (label: string, state: BreakerState) => void;
  /** Called with the outcome of every request that was made. */
  readonly onAnswer: (label: string, outcome: SourceError["kind"] | "ok") => void;
}

export class Upstream {
  readonly publicKeys: readonly CachePublicKey[];
  readonly #options: UpstreamOptions;
  readonly #connection: CacheConnection;
  readonly #known: BytesLru<{ lookup: Lookup; until: number }>;
  readonly #asking = new Map<string, Promise<Lookup>>();

  constructor(options: UpstreamOptions) {
    const { config, clock, limits, allowed, onState, onAnswer } = options;
    this.#options = options;
    this.publicKeys = config.publicKeys;
    this.#connection = new CacheConnection({
      url: config.url,
      clock,
      budget: limits.upstreamBudget,
      connections: limits.upstreamConnections,
      stall: limits.stall,
      rest: limits.breakerRest,
      allowed,
      onState,
      onAnswer,
    });
    this.#known = new BytesLru(limits.cacheBytes);
  }

  /** Its URL without credentials. */
  get label(): string {
    return this.#connection.label;
  }

  get state(): BreakerState {
    return this.#connection.state;
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

  #narInfo(hashPart: string): Promise<NarInfo> {
    return this.#connection.file(`${hashPart}.narinfo`, this.#options.limits.narinfoBytes, (bytes, what) => {
      const info = parseNarInfo(bytes);
      if (hashPartOf(info.storePath) !== hashPart)
        throw new SourceError("malformed", `${what} is of ${info.storePath}`);
      return info;
    });
  }

  /** The file of a NAR, as the upstream has it. Rejects with `SourceError`. */
  open(info: NarInfo, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#connection.open(info.url, `${this.label}: NAR of ${info.storePath}`, signal);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
