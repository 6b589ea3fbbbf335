/**
 * The memory of binary caches that vote: their narinfo files in the store, what their keys signed in local logs, what counts
 * in the claims table, and second answers as evidence.
 *
 * Votes are judged from the narinfo files, so those are written first, before a vote is given. Logs and table
 * follow. Whether they are whole, and by which configuration they were made, is noted: a node that was not ended in order, or
 * whose voters changed, judges everything again when it starts.
 */
import type { Evidence } from "@trustix/client";
import { equalBytes, utf8, type Crypto } from "@trustix/crypto";
import {
  mapPath,
  type CacheMemory,
  type Hash,
  type KeptVoice,
  type LogId,
  type SecondAnswer,
  type VoiceUpdate,
} from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { allVoices, voiceKey, voicePlace, VOICES_STATE_KEY } from "../logs/keys.ts";
import type { Clock } from "../model.ts";
import { ClaimRecorder, type Statement } from "./claim-recorder.ts";
import type { LocalLog } from "./local-log.ts";
import { decodeVoice, decodeVoicesState, encodeVoice, encodeVoicesState } from "./voice-record.ts";

export interface VoicesOptions {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly clock: Clock;
  /** One for each configured cache. */
  readonly logs: readonly LocalLog[];
  /** 32 bytes: another one whenever what was judged before may be judged differently. */
  readonly fingerprint: Hash;
  /** Resolves once it would survive power loss, or is known not to be worth keeping. */
  readonly keepEvidence: (evidence: Evidence) => Promise<void>;
  /** The voter gave another answer for a key than before. `path`: H(key). */
  readonly addSecondAnswer: (voter: LogId, key: string, path: Hash) => Promise<void>;
  /** The claims table changed. */
  readonly onRecorded: () => void;
  readonly onFault: (error: unknown) => void;
}

const MAX_BEHIND = 2000;

/** Throws `corrupt`. */
export async function openVoices(options: VoicesOptions): Promise<StoredVoices> {
  const { store, fingerprint } = options;
  const [record] = await store.getMany([VOICES_STATE_KEY]);
  const state = record && decodeVoicesState(record);
  const wasWhole = state === undefined || (state.isWhole && equalBytes(state.fingerprint, fingerprint));
  await store.write([[VOICES_STATE_KEY, encodeVoicesState({ isWhole: false, fingerprint })]]);
  return new StoredVoices(options, wasWhole);
}

export class StoredVoices implements CacheMemory {
  /** Whether logs and table were as they should be at the start. */
  readonly wasWhole: boolean;
  readonly #options: VoicesOptions;
  readonly #logs: ReadonlyMap<LogId, LocalLog>;
  readonly #voters: ReadonlyMap<number, LogId>;
  readonly #recorder: ClaimRecorder;
  #isReviewed: boolean;

  constructor(options: VoicesOptions, wasWhole: boolean) {
    this.#options = options;
    this.wasWhole = wasWhole;
    this.#isReviewed = wasWhole;
    this.#logs = new Map(options.logs.map((log) => [log.voter, log]));
    this.#voters = new Map(options.logs.map(({ serial, voter }) => [serial, voter]));
    this.#recorder = new ClaimRecorder({ ...options, logs: this.#logs });
  }

  async recall(storePath: string): Promise<ReadonlyMap<LogId, KeptVoice>> {
    const path = this.#pathOf(storePath);
    const logs = [...this.#logs.values()];
    const keys = logs.map(({ serial }) => voiceKey(path, serial));
    const records = await this.#options.store.getMany(keys);
    const voices = new Map<LogId, KeptVoice>();
    for (const [i, record] of records.entries())
      if (record !== undefined) voices.set(logs[i]!.voter, decodeVoice(record, keys[i]!));
    return voices;
  }

  async keep(storePath: string, updates: readonly VoiceUpdate[], seconds: readonly SecondAnswer[]): Promise<void> {
    const path = this.#pathOf(storePath);
    // Before the voices, which say from then on that there was a second answer: it is looked at once only.
    for (const second of seconds) await this.#keepSecond(storePath, path, second);
    await this.#write(path, updates);
    this.#recorder.record(updates.flatMap((update) => statementOf(utf8(storePath), path, update)));
  }

  async *all(): AsyncGenerator<ReadonlyMap<LogId, KeptVoice>> {
    const { from, to } = allVoices();
    let voices = new Map<LogId, KeptVoice>();
    let path: Uint8Array | undefined;
    for await (const [key, record] of this.#options.store.range(from, to)) {
      const place = voicePlace(key);
      if (path === undefined || !equalBytes(path, place.path)) {
        // Whoever goes through everything tells it all again: as fast as it can be written down.
        if (this.#recorder.waiting > MAX_BEHIND) await this.#recorder.settle();
        if (voices.size > 0) yield voices;
        voices = new Map();
        path = place.path;
      }
      const voter = this.#voters.get(place.serial);
      if (voter !== undefined) voices.set(voter, decodeVoice(record, key));
    }
    if (voices.size > 0) yield voices;
  }

  /** Everything that is kept was judged again. */
  reviewed(): void {
    this.#isReviewed = true;
  }

  /** Brings what waits into logs and table. */
  settle(): Promise<void> {
    return this.#recorder.settle();
  }

  /** Ends with what is under way; what is left is made up for at the next start. */
  async close(): Promise<void> {
    await this.#recorder.close();
    if (!this.#isReviewed || !this.#recorder.isDone) return;
    const { store, fingerprint } = this.#options;
    await store.write([[VOICES_STATE_KEY, encodeVoicesState({ isWhole: true, fingerprint })]]);
  }

  async #write(path: Hash, updates: readonly VoiceUpdate[]): Promise<void> {
    const { store } = this.#options;
    const records = updates.flatMap(({ voter, voice }): Change[] => {
      const log = this.#logs.get(voter);
      const isAny = voice.own !== undefined || voice.claim !== undefined;
      return log !== undefined && isAny ? [[voiceKey(path, log.serial), encodeVoice(voice)]] : [];
    });
    const stored = await store.getMany(records.map(([key]) => key));
    const changes = records.filter(([, record], i) => stored[i] === undefined || !equalBytes(stored[i]!, record!));
    if (changes.length > 0) await store.write(changes);
  }

  async #keepSecond(storePath: string, path: Hash, { voter, publicKey, narInfos }: SecondAnswer): Promise<void> {
    const { keepEvidence, addSecondAnswer } = this.#options;
    if (publicKey !== undefined) await keepEvidence({ kind: "cache_key_signed_two", publicKey, narInfos });
    await addSecondAnswer(voter, storePath, path);
  }

  #pathOf(storePath: string): Hash {
    return mapPath(this.#options.crypto, utf8(storePath));
  }
}

function statementOf(key: Uint8Array, path: Hash, { voter, voice, claim }: VoiceUpdate): Statement[] {
  if (claim === undefined || voice.claim === undefined) return [];
  const { value, counts } = claim;
  return [{ voter, key, path, value, counts, firstSeen: voice.claim.firstSeen }];
}
