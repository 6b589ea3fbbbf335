/**
 * The proofs of misbehaviour that this node keeps, for good. Nothing is kept that does not convict; each is durable before
 * anybody acts on it. So many are kept of a kind against one key: one convicts, and more of the same say nothing new, so a
 * liar cannot fill the disk. Of a log's key the first ones and the last one: after a pardon only what is newer convicts.
 */
import {
  type Evidence,
  MAX_EVIDENCE_BYTES,
  accusesLog,
  checkEvidence,
  readEvidence,
  writeEvidence,
} from "@trustix/client";
import { type Crypto, toBase64, toHex } from "@trustix/crypto";
import { ProtocolError } from "@trustix/protocol";
import type { Change, Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { allEvidence, evidenceAfter, evidenceAgainst, evidenceKey, evidencePlace } from "../logs/keys.ts";
import type { Clock, EvidenceOrigin, EvidencePage, EvidenceStore, Kept, KeptEvidence } from "../model.ts";
import { decodeEvidence, encodeEvidence, fileIn, hasSubject, placeOf, timeIn } from "./evidence-record.ts";

/** Of one kind against a log's key. */
const MOST_OF_LOG = 8;
/** Of one cache's key: one a store path. */
const MOST_OF_CACHE = 100;
const PAGE = 64;

export interface EvidenceOptions {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Whether anybody here is configured to be believed with this key: only such keys are accused by import. */
  readonly isConfigured: (publicKey: Uint8Array) => boolean;
}

export function openEvidence(options: EvidenceOptions): EvidenceStore {
  return new StoredEvidence(options);
}

class StoredEvidence implements EvidenceStore {
  readonly #options: EvidenceOptions;
  readonly #listeners = new Set<(kept: KeptEvidence) => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: EvidenceOptions) {
    this.#options = options;
  }

  async keep(evidence: Evidence, origin: EvidenceOrigin): Promise<Kept> {
    this.#check(evidence);
    // One after the other: each counts what the last one left.
    const kept = this.#last.then(() => this.#keep(evidence, origin));
    this.#last = kept.catch(() => undefined);
    return kept;
  }

  async import(file: Uint8Array): Promise<Kept> {
    let evidence: Evidence;
    try {
      evidence = readEvidence(file);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new NodeError("invalid_argument", cause.message, { cause });
    }
    this.#check(evidence);
    if (!this.#options.isConfigured(evidence.publicKey)) {
      throw new NodeError(
        "not_found",
        `nobody is configured here with the accused key ${toBase64(evidence.publicKey)}`,
        {
          hint: "a node keeps evidence against the logs and caches of its own configuration only",
        },
      );
    }
    return this.keep(evidence, "imported");
  }

  async against(publicKey: Uint8Array): Promise<readonly KeptEvidence[]> {
    const { from, to } = evidenceAgainst(publicKey);
    const found: KeptEvidence[] = [];
    for await (const [key, record] of this.#options.store.range(from, to)) {
      const kept = decodeEvidence(this.#options.crypto, key, record);
      try {
        checkEvidence(this.#options.crypto, kept.evidence, publicKey);
      } catch (cause) {
        if (!(cause instanceof ProtocolError)) throw cause;
        throw new NodeError("corrupt", `stored ${cause.message} (key ${toHex(key)})`, { cause });
      }
      found.push(kept);
    }
    return found;
  }

  async list(after?: Uint8Array): Promise<EvidencePage> {
    const { from, to } = after === undefined ? allEvidence() : evidenceAfter(after);
    const items: KeptEvidence[] = [];
    let last: Uint8Array | undefined;
    for await (const [key, record] of this.#options.store.range(from, to, { limit: PAGE })) {
      items.push(decodeEvidence(this.#options.crypto, key, record));
      last = key;
    }
    return { items, next: items.length < PAGE ? undefined : last };
  }

  async file(id: string): Promise<Uint8Array | undefined> {
    const { store } = this.#options;
    const { from, to } = allEvidence();
    // Bounded by what is kept: a few records for each key that lied.
    for await (const [key] of store.range(from, to, { keysOnly: true })) {
      if (toHex(evidencePlace(key).id) !== id) continue;
      const [record] = await store.getMany([key]);
      return record && fileIn(record);
    }
    return undefined;
  }

  onKept(call: (kept: KeptEvidence) => void): () => void {
    this.#listeners.add(call);
    return () => void this.#listeners.delete(call);
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  #check(evidence: Evidence): void {
    try {
      checkEvidence(this.#options.crypto, evidence, evidence.publicKey);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new NodeError("unverifiable", cause.message, { cause });
    }
  }

  async #keep(evidence: Evidence, origin: EvidenceOrigin): Promise<Kept> {
    const { store, crypto, clock } = this.#options;
    const file = writeEvidence(evidence);
    if (file.length > MAX_EVIDENCE_BYTES) {
      throw new NodeError("too_large", `evidence: ${file.length} bytes, at most ${MAX_EVIDENCE_BYTES} are kept`);
    }
    const place = placeOf(crypto, evidence, file);
    const id = toHex(place.id);
    const { from, to } = evidenceAgainst(place.publicKey, place.kind);
    const time = clock.now();
    let count = 0;
    let last: { readonly key: Uint8Array; readonly time: number } | undefined;
    for await (const [key, record] of store.range(from, to)) {
      const other = evidencePlace(key);
      const keptAt = timeIn(record);
      const isSame = hasSubject(place) ? toHex(other.subject) === toHex(place.subject) : toHex(other.id) === id;
      if (isSame) return { id: toHex(other.id), time: keptAt, outcome: "known" };
      count++;
      if (last === undefined || keptAt >= last.time) last = { key, time: keptAt };
    }
    const isLog = accusesLog(evidence.kind);
    if (!isLog && count >= MOST_OF_CACHE) return { id, time, outcome: "enough" };
    const tooMany: Change[] = isLog && count >= MOST_OF_LOG ? [[last!.key, undefined]] : [];
    await store.write([...tooMany, [evidenceKey(place), encodeEvidence(file, time, origin)]]);
    const kept: KeptEvidence = { id, evidence, time, origin, bytes: file.length };
    for (const call of this.#listeners) call(kept);
    return { id, time, outcome: "kept" };
  }
}
