/**
 * Runs of a log's entries, of its map-head log's leaves, and the values behind them: for whoever needs all of a log.
 *
 * Each answer is checked for itself (as many as asked for, leaf digests of their keys, values of their digests); that
 * the entries are those of a signed head shows only in the roots that they make, which is the caller's to check.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import { type Hash, type LogLeaf, ProtocolError, leafFromWire } from "@trustix/protocol";
import { LogAPI, LogExt, NodeAPI, type GetValuesResponse } from "@trustix/proto";
import type { LogAtRemote } from "./log-client.ts";
import { RpcError } from "./rpc-error.ts";
import type { CallOptions } from "./transport.ts";
import { type Trouble, troubleOf } from "./trouble.ts";

export interface RemoteEntry {
  readonly key: Uint8Array;
  readonly valueDigest: Hash;
  /** The leaf of the log tree, recomputed from key and value digest. */
  readonly leafDigest: Hash;
}

export type EntriesResult = { readonly kind: "entries"; readonly entries: readonly RemoteEntry[] } | Trouble;
export type MapHeadLeavesResult = { readonly kind: "leaves"; readonly leaves: readonly Hash[] } | Trouble;
export type ValuesResult = { readonly kind: "values"; readonly values: readonly Uint8Array[] } | Trouble;

/** As far as one answer went. */
export interface SomeValues {
  readonly kind: "some_values";
  /**
   * For the first of the digests that were asked for, in their order: the value, checked, or `undefined` where the remote
   * says that it has none. At least one; ask again for the digests behind these.
   */
  readonly values: readonly (Uint8Array | undefined)[];
}

/** Digests in one call, as many as our servers take: with values of the usual kilobytes an answer stays far below what they send at most. */
const DIGESTS_A_CALL = 1000;

/** Entries `start..finish` inclusive. */
export async function readEntries(
  at: LogAtRemote,
  start: number,
  finish: number,
  options?: CallOptions,
): Promise<EntriesResult> {
  try {
    const leaves = await leavesBetween(at, "entries", start, finish, options);
    return { kind: "entries", entries: leaves.map((leaf, i) => entryOf(leaf, start + i)) };
  } catch (error) {
    return troubleOf(error);
  }
}

/** Leaf hashes `start..finish` inclusive of the map-head log. */
export async function readMapHeadLeaves(
  at: LogAtRemote,
  start: number,
  finish: number,
  options?: CallOptions,
): Promise<MapHeadLeavesResult> {
  try {
    const leaves = await leavesBetween(at, "map-head leaves", start, finish, options);
    return { kind: "leaves", leaves: leaves.map(({ leafDigest }) => leafDigest) };
  } catch (error) {
    return troubleOf(error);
  }
}

/** The bytes behind each digest, in their order. A value that the remote has not is trouble. */
export async function readValues(
  at: LogAtRemote,
  digests: readonly Hash[],
  options?: CallOptions,
): Promise<ValuesResult> {
  try {
    const found = new Map<string, Uint8Array>();
    const wanted = new Map(digests.map((digest) => [toHex(digest), digest]));
    let left = [...wanted.values()];
    while (left.length > 0) left = await fetchSome(at, left, found, options);
    return { kind: "values", values: digests.map((digest) => found.get(toHex(digest))!) };
  } catch (error) {
    return troubleOf(error);
  }
}

/**
 * Values of digests (at least one) as far as one answer holds them; a remote without the call for many is asked for a few
 * one by one, at once. For whoever can go on without a value.
 */
export async function readSomeValues(
  at: LogAtRemote,
  digests: readonly Hash[],
  options?: CallOptions,
): Promise<SomeValues | Trouble> {
  try {
    return { kind: "some_values", values: await someValues(at, digests.slice(0, DIGESTS_A_CALL), options) };
  } catch (error) {
    return troubleOf(error);
  }
}

/** Calls at once to a remote that answers one value a call. */
const SINGLE_CALLS = 8;

async function someValues(
  at: LogAtRemote,
  digests: readonly Hash[],
  options?: CallOptions,
): Promise<(Uint8Array | undefined)[]> {
  try {
    const call = { ...options, gzip: true };
    const answer = await at.transport.unary(LogExt.method.getValues, { Digests: [...digests] }, call);
    return inOrder(at, digests, answer);
  } catch (error) {
    // A value that no answer can hold is one that the remote cannot deliver.
    if (isTooLarge(error)) {
      return digests.length === 1 ? [undefined] : someValues(at, digests.slice(0, digests.length >> 1), options);
    }
    if (!(error instanceof RpcError && error.code === "unimplemented")) throw error;
    return Promise.all(digests.slice(0, SINGLE_CALLS).map((digest) => oneValue(at, digest, options)));
  }
}

/** An answer's values come in the order of the digests; those left out are absent, up to the first that was put off. */
function inOrder(
  at: LogAtRemote,
  digests: readonly Hash[],
  { Values, Left }: GetValuesResponse,
): (Uint8Array | undefined)[] {
  const putOff = Left[0];
  const values: (Uint8Array | undefined)[] = [];
  let next = 0;
  for (const digest of digests) {
    const found = Values[next];
    const isNext = found !== undefined && equalBytes(found.Digest, digest);
    if (!isNext && putOff !== undefined && equalBytes(putOff, digest)) break;
    if (isNext) {
      next++;
      checkValue(at, digest, found.Value);
    }
    values.push(isNext ? found.Value : undefined);
  }
  if (next < Values.length) {
    const name = toHex(Values[next]!.Digest.subarray(0, 32));
    throw new ProtocolError(
      "mismatch",
      `a value of digest ${name} came, which was not asked for, or not in this place`,
    );
  }
  if (values.length === 0) throw new ProtocolError("malformed", "asked for values it sent none and put all off");
  return values;
}

/** `undefined` for a value that the remote does not have; the existing program says `unknown` to that as to anything. */
async function oneValue(at: LogAtRemote, digest: Hash, options?: CallOptions): Promise<Uint8Array | undefined> {
  try {
    const call = { ...options, gzip: true };
    const { Value } = await at.transport.unary(NodeAPI.method.getValue, { Digest: digest }, call);
    checkValue(at, digest, Value);
    return Value;
  } catch (error) {
    const isAbsent = error instanceof RpcError && error.origin === "server" && NOT_THERE.has(error.code);
    if (isAbsent || isTooLarge(error)) return undefined;
    throw error;
  }
}

const NOT_THERE: ReadonlySet<string> = new Set(["not_found", "unknown"]);

function checkValue(at: LogAtRemote, digest: Hash, value: Uint8Array): void {
  const got = at.crypto.sha256(value);
  if (!equalBytes(got, digest))
    throw new ProtocolError("mismatch", `asked for value ${toHex(digest)} it sent one of digest ${toHex(got)}`);
}

const METHODS = { entries: LogAPI.method.getLogEntries, "map-head leaves": LogAPI.method.getMHLogEntries } as const;

/** In one call, or in ever smaller ones while the server says that the answer would be too large. */
async function leavesBetween(
  at: LogAtRemote,
  what: keyof typeof METHODS,
  start: number,
  finish: number,
  options: CallOptions | undefined,
): Promise<LogLeaf[]> {
  const request = { LogID: at.log.id, Start: BigInt(start), Finish: BigInt(finish) };
  try {
    const { Leaves } = await at.transport.unary(METHODS[what], request, { ...options, gzip: what === "entries" });
    if (Leaves.length !== finish - start + 1)
      throw new ProtocolError("malformed", `asked for ${what} ${start} to ${finish} it sent ${Leaves.length}`);
    return Leaves.map((leaf) => leafFromWire(at.crypto, leaf));
  } catch (error) {
    if (!isTooLarge(error) || start === finish) throw error;
    const middle = Math.floor((start + finish) / 2);
    const first = await leavesBetween(at, what, start, middle, options);
    return [...first, ...(await leavesBetween(at, what, middle + 1, finish, options))];
  }
}

function entryOf({ key, valueDigest, leafDigest }: LogLeaf, index: number): RemoteEntry {
  if (key === undefined || valueDigest === undefined)
    throw new ProtocolError("malformed", `entry ${index} came without its key`);
  return { key, valueDigest, leafDigest };
}

/** Asks for the first of `left`, fills `found`, and returns what is left then: always less. */
async function fetchSome(
  at: LogAtRemote,
  left: readonly Hash[],
  found: Map<string, Uint8Array>,
  options: CallOptions | undefined,
): Promise<Hash[]> {
  const asked = left.slice(0, DIGESTS_A_CALL);
  const values = await manyValues(at, asked, options);
  const names = new Set(asked.map(toHex));
  for (const value of values) {
    const name = toHex(at.crypto.sha256(value));
    if (!names.has(name))
      throw new ProtocolError("mismatch", `a value of digest ${name} came, which was not asked for`);
    found.set(name, value);
  }
  const still = left.filter((digest) => !found.has(toHex(digest)));
  if (still.length < left.length) return still;
  throw new ProtocolError(
    "malformed",
    `it has no value of digest ${toHex(left[0]!)}, which an entry of its log claims`,
  );
}

/** Values of some of `digests`, of at least the first if the remote has it. */
async function manyValues(at: LogAtRemote, digests: readonly Hash[], options?: CallOptions): Promise<Uint8Array[]> {
  const call = { ...options, gzip: true };
  try {
    const { Values } = await at.transport.unary(LogExt.method.getValues, { Digests: [...digests] }, call);
    return Values.map(({ Value }) => Value);
  } catch (error) {
    // Another limit than ours, or a server of the existing program, which has only the call for one value.
    if (!isTooLarge(error) && !(error instanceof RpcError && error.code === "unimplemented")) throw error;
    const { Value } = await at.transport.unary(NodeAPI.method.getValue, { Digest: digests[0]! }, call);
    return [Value];
  }
}

/** For the remote, which says so, or for us. */
function isTooLarge(error: unknown): boolean {
  return error instanceof RpcError && error.origin !== "network" && error.code === "resource_exhausted";
}
