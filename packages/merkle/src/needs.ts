/**
 * How the pure trees read: they name the records they need, the caller fetches them in one go, they compute.
 *
 * A tree operation is a generator of requests. Whoever drives it (a store, a test's `Map`) answers each request and
 * gets the result at the end. Requests are batched by level of the tree, so the number of round trips is small and
 * independent of how many keys a batch has.
 *
 * @example
 * const proof = drive(auditProof(crypto, prefix, 3, 8), (request) => answerFromMap(records, request));
 */

/** Keys and ranges are full store keys: they begin with the prefix that the tree was given. */
export type ReadRequest =
  | { readonly kind: "get"; readonly keys: readonly Uint8Array[] }
  /** All entries with `from <= key < to`, ascending. */
  | { readonly kind: "range"; readonly from: Uint8Array; readonly to: Uint8Array };

/** For `get`: a value for each key, `undefined` where there is none. For `range`: keys and values in turn. */
export type ReadAnswer = readonly (Uint8Array | undefined)[];

/** An operation that needs records; see the head of this file. */
export type Needs<T> = Generator<ReadRequest, T, ReadAnswer>;

/** A record to write, or to remove where the value is `undefined`. Same shape as a change of `@trustix/storage`. */
export type RecordChange = readonly [key: Uint8Array, value: Uint8Array | undefined];

/** Drives `needs` with a synchronous source: tests, and stores that answer from memory. */
export function drive<T>(needs: Needs<T>, answer: (request: ReadRequest) => ReadAnswer): T {
  let step = needs.next();
  while (!step.done) step = needs.next(answer(step.value));
  return step.value;
}
