/**
 * Values behind digests: from memory, from this node's store, from those who claim them. A value is named by its digest,
 * so one that was checked stays right, whoever delivered it and whatever heads do.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import type { Hash, LogId } from "@trustix/protocol";
import { LRUCache } from "lru-cache";
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
  /** Those that others delivered, by digest; what the store holds is read again. */
  readonly #kept = new LRUCache<string, Uint8Array>({
    maxSize: MAX_BYTES,
    maxEntrySize: MAX_VALUE_BYTES + ENTRY_BYTES,
  });

  constructor(options: ValueSourceOptions) {
    this.#options = options;
  }

  /** The value, checked, if it is here. */
  async here(digest: Hash): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(toHex(digest));
    if (kept !== undefined) return kept;
    // A store that cannot be read is no reason to refuse what others can deliver.
    const [stored] = await this.#options.values.getMany([digest]).catch(() => []);
    return this.#checked(digest, stored);
  }

  /** The value, checked; `undefined` when nobody could deliver it. `claimants` are logs that claim it. */
  async ask(digest: Hash, claimants: readonly LogId[], signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { follower, mirror } = this.#options;
    // Where all values are copied, what is not here is not asked for: that would tell what is being installed.
    const askable = claimants.filter((id) => !mirror.hasValues(id));
    const value = this.#checked(digest, await follower.value(digest, askable, signal));
    if (value !== undefined) this.#kept.set(toHex(digest), value, { size: value.length + ENTRY_BYTES });
    return value;
  }

  #checked(digest: Hash, value: Uint8Array | undefined): Uint8Array | undefined {
    return value !== undefined && equalBytes(this.#options.crypto.sha256(value), digest) ? value : undefined;
  }
}
