/** Values by digest. A value is stored with the head that claims it, never before, so what is here is published. */
import type { Crypto } from "@trustix/crypto";
import { equalBytes, toHex } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import type { Values } from "../model.ts";
import { nodeErrorOf } from "./explain-failure.ts";
import { valueKey } from "./keys.ts";

/** Each value is checked against its digest: a disk that lies is noticed here, and not by whoever decides on it. */
export function openValues(reads: Reads, crypto: Crypto): Values {
  return {
    async getMany(digests) {
      for (const digest of digests)
        if (digest.length !== 32)
          throw new NodeError("invalid_argument", `a digest of ${digest.length} bytes came, 32 wanted`);
      try {
        const values = await reads.getMany(digests.map(valueKey));
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
