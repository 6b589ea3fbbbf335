/**
 * One voter, asked at all its places at once. Who asks for one path at the same time shares the requests; what it does not
 * have is remembered for a short while, and a place that is down is left alone.
 */
import { hashPartOf, type StorePath } from "@trustix/nix-formats";
import type { CachePlace } from "@trustix/protocol";
import { BytesLru } from "../bytes-lru.ts";
import { CacheConnection } from "../http/cache-connection.ts";
import { isPublicAddress } from "../http/public-address.ts";
import { asSourceError, SourceError } from "../http/source-error.ts";
import { DEFAULT_BUDGET_MS, MAX_VOTED_NARINFO_BYTES, type CacheVoterConfig, type CacheVotersOptions } from "./model.ts";
import { readAnswer, type SignedAnswer, type VoterKey } from "./read-answer.ts";
import { isRefusal } from "./voices.ts";

export interface Refusal {
  readonly outcome: "unreachable" | "unverifiable";
  /** A sentence. */
  readonly reason: string;
  /** Some place answered, so there is no need to ask again soon. */
  readonly isAnswer: boolean;
}

/** Signed answers, or why there is none. */
export type Asked =
  | { readonly answers: readonly SignedAnswer[]; readonly refusal: undefined }
  | { readonly answers: readonly []; readonly refusal: Refusal };

const CONNECTIONS = 16;
const REST_MS = 5000;
const NEGATIVE_BYTES = 4 << 20;
const REFUSAL_BYTES = 600;

export class VotingCache {
  readonly config: CacheVoterConfig;
  readonly #options: CacheVotersOptions;
  readonly #keys: readonly VoterKey[];
  readonly #places: readonly CacheConnection[];
  readonly #asking = new Map<StorePath, Promise<Asked>>();
  readonly #refused = new BytesLru<{ readonly refusal: Refusal; readonly until: number }>(NEGATIVE_BYTES);

  /** `keys`: of all voters. */
  constructor(config: CacheVoterConfig, keys: readonly VoterKey[], options: CacheVotersOptions) {
    this.config = config;
    this.#options = options;
    this.#keys = keys;
    this.#places = config.urls.map((url) => this.#connect(url));
  }

  #connect(url: string): CacheConnection {
    const { clock, budgetMs = DEFAULT_BUDGET_MS, allowAddress = isPublicAddress, onState } = this.#options;
    return new CacheConnection({
      url,
      clock,
      budget: budgetMs,
      connections: CONNECTIONS,
      stall: budgetMs,
      rest: REST_MS,
      allowed: allowAddress,
      onState: (label, state) => {
        if (state !== "probing") onState?.(this.config.name, label, state === "resting");
      },
    });
  }

  places(): CachePlace[] {
    return this.#places.map(({ label, state }) => ({ url: label, resting: state !== "working" }));
  }

  /** The first signed answer of any place, within the budget. Never rejects. */
  ask(path: StorePath): Promise<Asked> {
    const refused = this.#refused.get(path);
    if (refused !== undefined && refused.until > this.#options.clock.now())
      return Promise.resolve({ answers: [], refusal: refused.refusal });
    const asking = this.#asking.get(path) ?? this.#ask(path);
    this.#asking.set(path, asking);
    return asking;
  }

  async #ask(path: StorePath): Promise<Asked> {
    try {
      const asked = this.#places.map((place) => this.#askPlace(place, path));
      return { answers: [await Promise.any(asked)], refusal: undefined };
    } catch (error) {
      const refusal = this.#refusalOf((error as AggregateError).errors as SourceError[]);
      const { negativeMs } = this.config;
      if (refusal.isAnswer) {
        const until = this.#options.clock.now() + negativeMs;
        this.#refused.set(path, { refusal, until }, REFUSAL_BYTES);
      }
      return { answers: [], refusal };
    } finally {
      this.#asking.delete(path);
    }
  }

  /** What every place answers, so that places which differ are noticed. Never rejects. */
  async askAll(path: StorePath): Promise<Asked> {
    const asked = await Promise.allSettled(this.#places.map((place) => this.#askPlace(place, path)));
    const answers = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    if (answers.length > 0) return { answers, refusal: undefined };
    const errors = asked.flatMap((one) => (one.status === "rejected" ? [one.reason as SourceError] : []));
    return { answers: [], refusal: this.#refusalOf(errors) };
  }

  /** Rejects with `SourceError`. */
  async #askPlace(place: CacheConnection, path: StorePath): Promise<SignedAnswer> {
    try {
      return await place.file(`${hashPartOf(path)}.narinfo`, MAX_VOTED_NARINFO_BYTES, (bytes, what) => {
        try {
          return readAnswer(this.#options.crypto, this.#keys, path, Uint8Array.from(bytes));
        } catch (cause) {
          if (!isRefusal(cause)) throw cause;
          throw new SourceError("malformed", `${what}: ${cause.message}`, { cause });
        }
      });
    } catch (cause) {
      throw asSourceError(cause, place.label);
    }
  }

  /** What most tells: a wrong answer, then silence. Only if every place says so, it has none. */
  #refusalOf(errors: readonly SourceError[]): Refusal {
    const told = (some: readonly SourceError[]): string => some.map(({ message }) => message).join("; ");
    const silent = errors.filter(({ kind }) => kind === "unreachable" || kind === "resting");
    const wrong = errors.filter((error) => error.kind !== "absent" && !silent.includes(error));
    const isAnswer = silent.length < errors.length;
    if (wrong.length > 0) return { outcome: "unverifiable", reason: told(wrong), isAnswer };
    if (silent.length > 0) return { outcome: "unreachable", reason: told(silent), isAnswer: false };
    const reason = "it says that it has none, which a cache cannot prove";
    return { outcome: "unverifiable", reason, isAnswer };
  }

  async close(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.close()));
  }
}
