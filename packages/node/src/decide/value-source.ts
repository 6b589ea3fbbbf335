/**
 * Values behind digests: from memory, from this node's store, from those who claim them. A value is named by its digest,
 * so one that was checked stays right, whoever delivered it and whatever heads do.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import type { Hash, LogId } from "@trustix/protocol";
import type { Follower, Mirror, Values } from "../model.ts";

const MAX_BYTES = 16 << 20;
/** Larger values are fetched again rather than kept. */
const MAX_VALUE_BYTES = 64 << 10;
/** What an entry costs beside its value. */
const ENTRY_BYTES = 300;

export interface ValueSourceOptions {
  readonly crypto: Crypto;
  /** This node's. */
  readonly values: Values;
  readonly follower: Pick<Follower, "value">;
  readonly mirror: Pick<Mirror, "hasValues">;
}

export class ValueSource {
  readonly #options: ValueSourceOptions;
  /** By digest; the one used longest ago first. */
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(options: ValueSourceOptions) {
    this.#options = options;
  }

  /** The value, checked; `undefined` when nobody could deliver it. `claimants` are logs that claim it. */
  async get(digest: Hash, claimants: readonly LogId[], signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { crypto, values, follower, mirror } = this.#options;
    const id = toHex(digest);
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#kept.delete(id);
      this.#kept.set(id, kept);
      return kept;
    }
    const matches = (value: Uint8Array | undefined): value is Uint8Array =>
      value !== undefined && equalBytes(crypto.sha256(value), digest);
    // A store that cannot be read is no reason to refuse what others can deliver.
    const [stored] = await values.getMany([digest]).catch(() => []);
    // Where all values are copied, what is not here is not asked for: that would tell what is being installed.
    const askable = claimants.filter((id) => !mirror.hasValues(id));
    const value = matches(stored) ? stored : await follower.value(digest, askable, signal);
    if (!matches(value)) return undefined;
    this.#keep(id, value);
    return value;
  }

  #keep(id: string, value: Uint8Array): void {
    if (value.length > MAX_VALUE_BYTES || this.#kept.has(id)) return;
    this.#kept.set(id, value);
    this.#bytes += value.length + ENTRY_BYTES;
    while (this.#bytes > MAX_BYTES) {
      const [oldest, old] = this.#kept.entries().next().value!;
      this.#kept.delete(oldest);
      this.#bytes -= old.length + ENTRY_BYTES;
    }
  }
}
