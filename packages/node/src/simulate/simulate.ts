/**
 * A policy over everything that is known here to be claimed, page by page, beside the one that is configured. Nobody is
 * asked, nothing is kept between pages, and a page is short work with pauses in it: decisions go on meanwhile.
 */
import { type Crypto, equalBytes, toHex, utf8 } from "@trustix/crypto";
import { comparesFacts, opinionsOf, type Policy, type Sandbox } from "@trustix/decider";
import { mapPath, parseNixValue, ProtocolError, type Hash, type LogId, type LogLeaf } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { type ScannedKey, type ScannedVoter, scanClaims } from "../claims/scan-claims.ts";
import { scanOwn } from "../claims/scan-own.ts";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, LogReader, Simulate, SimulateQuestion, SimulatedPage, Values } from "../model.ts";
import { Electorate, type Known } from "./electorate.ts";
import { type HeldView, PathJudge } from "./judge-paths.ts";
import { PageWriter } from "./page-writer.ts";
import { decodePlace, encodePlace, type Place } from "./place.ts";

export interface SimulateOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly policies: readonly Policy[];
  readonly builders: Pick<Builders, "excluded">;
  /** Voters whose claims lie in the claims table, by serial. */
  readonly voters: ReadonlyMap<number, ScannedVoter>;
  readonly own: readonly LogReader[];
  readonly values: Values;
  readonly entry: (logId: LogId, index: number) => Promise<LogLeaf | undefined>;
  /** Followed, but not copied. */
  readonly isOnlyAsked: (logId: LogId) => boolean;
  /** A binary cache: what it never was asked for is not known. */
  readonly isCache: (logId: LogId) => boolean;
  /** Runs `javascript` rules; asked for only if there are any. */
  readonly sandbox: () => Promise<Sandbox>;
}

/** Of the work on one page: it is over with the batch that goes beyond. */
const PAGE_MS = 300;
const PAGE_PATHS = 20_000;

export function createSimulate(options: SimulateOptions): Simulate {
  return { page: async (question, signal) => (await PageMaker.of(options, question, signal)).page() };
}

interface Batch {
  readonly keys: readonly ScannedKey[];
  readonly next: Place;
}

class PageMaker {
  readonly #options: SimulateOptions;
  readonly #question: SimulateQuestion;
  readonly #signal: AbortSignal;
  readonly #comparesFacts: boolean;
  readonly #electorate: Electorate;
  readonly #judge: PathJudge;
  readonly #writer: PageWriter;
  readonly #table: ReadonlyMap<number, ScannedVoter>;
  readonly #own: readonly LogReader[];

  static async of(options: SimulateOptions, question: SimulateQuestion, signal: AbortSignal): Promise<PageMaker> {
    const now = configured(options.policies, question.protocol);
    const tried = question.policy ?? now;
    if (tried.protocol.id !== now.protocol.id)
      throw new NodeError(
        "invalid_argument",
        `a policy of protocol ${tried.protocol.name} came, ${now.protocol.name} wanted`,
      );
    const own: LogReader[] = [];
    for (const reader of options.own) if (await isSigned(reader)) own.push(reader);
    const usesFunctions = [now, tried].some(({ rules }) => rules.some(({ engine }) => engine === "javascript"));
    return new PageMaker(options, question, signal, {
      now,
      tried,
      own,
      sandbox: usesFunctions ? await options.sandbox() : undefined,
    });
  }

  private constructor(
    options: SimulateOptions,
    question: SimulateQuestion,
    signal: AbortSignal,
    found: { now: Policy; tried: Policy; own: readonly LogReader[]; sandbox: Sandbox | undefined },
  ) {
    const { now, tried, own, sandbox } = found;
    this.#options = options;
    this.#question = question;
    this.#signal = signal;
    this.#comparesFacts = comparesFacts(now.protocol);
    const known = (logId: LogId): Known => knownOf(options, own, logId);
    this.#electorate = new Electorate([now, tried], known, (logId) => options.builders.excluded(logId));
    this.#judge = new PathJudge({ now, tried, electorate: this.#electorate, sandbox, time: options.clock.now() });
    this.#writer = new PageWriter(question.each);
    this.#table = new Map([...options.voters].filter(([, { logId }]) => this.#electorate.has(logId)));
    this.#own = own.filter(({ info }) => this.#electorate.has(info.id));
  }

  async page(): Promise<SimulatedPage> {
    const { clock } = this.#options;
    const end = clock.now() + PAGE_MS;
    let next: Place | undefined;
    for await (const batch of this.#batches(decodePlace(this.#question.after))) {
      this.#signal.throwIfAborted();
      await this.#judgeAll(batch.keys);
      // What somebody else waits for comes first.
      await new Promise((resolve) => setImmediate(resolve));
      const { count, bytes } = this.#writer;
      if (clock.now() < end && count < PAGE_PATHS && bytes < this.#question.maxBytes) continue;
      next = batch.next;
      break;
    }
    return {
      voters: this.#electorate.summary(),
      ...this.#writer.page(),
      next: next && encodePlace(next),
      done: next === undefined ? 1 : await this.#doneAt(next),
    };
  }

  async *#batches(place: Place): AsyncGenerator<Batch> {
    const scan = { reads: this.#options.store, voters: this.#table, own: this.#own };
    if (place.kind === "table") {
      for await (const keys of scanClaims({ ...scan, after: place.after }))
        yield { keys, next: { kind: "table", after: keys.at(-1)!.path } };
    }
    const from = place.kind === "own" ? place.from : { log: 0, index: 0 };
    for await (const { keys, next } of scanOwn({ ...scan, crypto: this.#options.crypto, from }))
      yield { keys, next: { kind: "own", from: next } };
  }

  async #judgeAll(keys: readonly ScannedKey[]): Promise<void> {
    const { each } = this.#question;
    const wantsAll = this.#comparesFacts && (each || this.#judge.seesValues);
    const wanted = new Set(keys.filter((key) => wantsAll || (this.#comparesFacts && !agree(key))));
    const values = await this.#valuesOf([...wanted]);
    for (const scanned of keys) {
      const views = wanted.has(scanned) ? await this.#compared(scanned, values) : this.#views(scanned, undefined);
      const settled = each ? undefined : this.#judge.settled(views);
      if (settled !== undefined) this.#writer.again(settled.pattern);
      else await this.#judgeOne(scanned, views, values);
    }
  }

  async #judgeOne(
    scanned: ScannedKey,
    views: readonly HeldView[],
    values: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    const judged = await this.#judge.judge(views, () => this.#keyOf(scanned, values));
    if (this.#question.each || this.#writer.isNew(judged.pattern))
      this.#writer.add(judged, scanned.path, await this.#keyOf(scanned, values));
    else this.#writer.again(judged.pattern);
  }

  /** With digests of what the values mean. */
  async #compared(scanned: ScannedKey, values: ReadonlyMap<string, Uint8Array>): Promise<HeldView[]> {
    const own = new Map<string, Uint8Array>();
    let isWhole = true;
    for (const { digest } of scanned.claims) {
      const name = toHex(digest);
      const value = values.get(name);
      if (value === undefined) isWhole = false;
      else own.set(name, value);
    }
    const key = await this.#keyOf(scanned, values);
    if ((key === undefined || !isWhole) && !agree(scanned)) this.#writer.uncompared++;
    return this.#views(scanned, key && opinionsOf(this.#options.crypto, key, own).opinions);
  }

  #views({ claims }: ScannedKey, opinions: ReadonlyMap<string, Hash> | undefined): HeldView[] {
    const views: HeldView[] = [];
    for (const { logId, digest } of claims) {
      const place = this.#electorate.placeOf(logId);
      if (place === undefined) continue;
      const elector = this.#electorate.electors[place]!;
      elector.claims++;
      if (elector.excluded !== undefined) continue;
      views.push({ place, digest: (opinions?.size ?? 0) === 0 ? digest : (opinions!.get(toHex(digest)) ?? digest) });
    }
    // The letters of a pattern are given in one order.
    return views.sort((a, b) => a.place - b.place);
  }

  async #valuesOf(keys: readonly ScannedKey[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const digests = new Map(keys.flatMap(({ claims }) => claims.map(({ digest }) => [toHex(digest), digest] as const)));
    const stored = await this.#options.values.getMany([...digests.values()]);
    return new Map([...digests.keys()].flatMap((name, i) => (stored[i] ? [[name, stored[i]] as const] : [])));
  }

  /** A value says it, which is checked; else an entry does. */
  async #keyOf({ path, claims }: ScannedKey, values: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array | undefined> {
    const { crypto, entry } = this.#options;
    const value = claims.map(({ digest }) => values.get(toHex(digest))).find((one) => one !== undefined);
    const said = value && pathIn(value);
    if (said !== undefined && equalBytes(mapPath(crypto, said), path)) return said;
    return (await entry(claims[0]!.logId, claims[0]!.index))?.key;
  }

  /** The table's paths lie evenly; how many they are is guessed from the largest log in it. */
  async #doneAt(place: Place): Promise<number> {
    const inTable = Math.max(0, ...[...this.#table.values()].map(({ size }) => size() ?? 0));
    const sizes = await Promise.all(this.#own.map(async (reader) => (await reader.head()).treeSize));
    const all = inTable + sizes.reduce((sum, size) => sum + size, 0);
    if (all === 0) return 1;
    if (place.kind === "table") return (inTable * (place.after === undefined ? 0 : shareOf(place.after))) / all;
    const before = sizes.slice(0, place.from.log).reduce((sum, size) => sum + size, 0);
    return (inTable + before + place.from.index) / all;
  }
}

function configured(policies: readonly Policy[], protocol: string): Policy {
  const policy = policies.find((one) => one.protocol.id === protocol || one.protocol.name === protocol);
  if (policy !== undefined) return policy;
  const known = policies.map((one) => one.protocol.name).join(", ");
  throw new NodeError("not_found", `no policy for protocol ${JSON.stringify(protocol.slice(0, 80))}`, {
    hint: known === "" ? "configure [[decider.NAME]]" : `configured are: ${known}`,
  });
}

function knownOf({ voters, isOnlyAsked, isCache }: SimulateOptions, own: readonly LogReader[], logId: LogId): Known {
  const nothing = (why: string): Known => ({ known: "nothing", why });
  if (own.some(({ info }) => info.id === logId)) return { known: "all", why: undefined };
  if (isCache(logId)) return { known: "some", why: "of a cache only what it was asked for is known" };
  const voter = [...voters.values()].find((one) => one.logId === logId);
  if (voter !== undefined)
    return voter.size() === undefined ? nothing("its first copy is not complete") : { known: "all", why: undefined };
  return nothing(isOnlyAsked(logId) ? "it is not copied here, only asked" : "this node does not know it");
}

async function isSigned(reader: LogReader): Promise<boolean> {
  try {
    await reader.head();
    return true;
  } catch (error) {
    if (error instanceof NodeError && error.code === "unavailable") return false;
    throw error;
  }
}

function agree({ claims }: ScannedKey): boolean {
  return claims.every(({ digest }) => equalBytes(digest, claims[0]!.digest));
}

function pathIn(value: Uint8Array): Uint8Array | undefined {
  try {
    return utf8(parseNixValue(value).path);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function shareOf(path: Hash): number {
  return Buffer.from(path.buffer, path.byteOffset, 6).readUIntBE(0, 6) / 2 ** 48;
}
