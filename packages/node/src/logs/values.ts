/**
 * Values by digest. A value is stored with the head that claims it, never before. Those of copied logs, and of logs that
 * this node keeps for itself, lie apart from the others: that one of them is here tells what is followed or was asked for.
 */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { Values } from "../model.ts";
import { nodeErrorOf } from "./explain-failure.ts";
import { privateValueKey, valueKey } from "./keys.ts";

/** For this node's own user: wherever they lie. Each is checked, as those of `openValues` are. */
export function openAllValues(reads: Reads, crypto: Crypto): Values {
  return valuesAt(reads, crypto, [privateValueKey, valueKey]);
}

/** Each value is checked against its digest: a disk that lies is noticed here, and not by whoever decides on it. */
export function openValues(reads: Reads, crypto: Crypto): Values {
  return valuesAt(reads, crypto, [valueKey]);
}

function valuesAt(reads: Reads, crypto: Crypto, places: readonly ((digest: Uint8Array) => Uint8Array)[]): Values {
  return {
    async getMany(digests) {
      for (const digest of digests)
        if (digest.length !== 32)
          throw new NodeError("invalid_argument", `a digest of ${digest.length} bytes came, 32 wanted`);
      try {
        const values: (Uint8Array | undefined)[] = digests.map(() => undefined);
        for (const keyOf of places) {
          const missing = [...values.keys()].filter((i) => values[i] === undefined);
          if (missing.length === 0) break;
          const found = await reads.getMany(missing.map((i) => keyOf(digests[i]!)));
          for (const [n, i] of missing.entries()) values[i] = found[n];
        }
        for (const [i, value] of values.entries())
          if (value && !equalBytes(crypto.sha256(value), digests[i]!))
            throw new NodeError("corrupt", `the value stored under digest ${toHex(digests[i]!)} is another one`);
        return values;
      } catch (error) {
        throw nodeErrorOf(error, "values");
      }
    },
  };
}
