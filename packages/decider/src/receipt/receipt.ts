/**
 * A decision as it can be shown to somebody who was not there: what was asked, by which policy, how each voter answered and
 * what shows it, what came out. The node that made it signs it. See docs/spec/receipt.md.
 */
import type { Hash, Testimony } from "@trustix/protocol";
import type { Policy } from "../policy.ts";

export interface Receipt {
  /** Milliseconds since 1970, by the node's clock. */
  readonly time: number;
  readonly policy: Policy;
  /** What was asked about. */
  readonly key: Uint8Array;
  /** One for each voter of the policy that was heard of, by ascending id. */
  readonly votes: readonly Testimony[];
  /** The values behind the claims, as claimed, those that could be had; ascending by their digests. */
  readonly values: readonly Uint8Array[];
  readonly verdict: Verdict;
}

export type Verdict =
  | {
      readonly decided: true;
      /** Of the opinion, in its canonical form. */
      readonly digest: Hash;
      /** 0..100. */
      readonly confidence: number;
      /** One sentence. */
      readonly reason: string;
    }
  | { readonly decided: false; readonly reason: string };

/** What a receipt file holds. */
export interface SignedReceipt {
  readonly receipt: Receipt;
  /** 32 bytes: the key that the file says it is signed with. */
  readonly nodeKey: Uint8Array;
}

export const RECEIPT_BOUNDS = {
  /** Of the file: some ten voters with deep proofs take 60 kB. */
  bytes: 16 << 20,
  keyBytes: 65_502,
  reason: 10_000,
  values: 10_000,
  valueBytes: 1 << 20,
  narInfoBytes: 1 << 20,
} as const;
