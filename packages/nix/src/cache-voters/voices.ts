/**
 * What was heard of the caches about one path, read and checked: kept bytes become signed answers again, new answers are
 * added. The first answer of a place and the first statement of a key stay; the same again confirms them, and other facts
 * by the same voter are a second answer.
 */
import type { Crypto } from "@trustix/crypto";
import { NixFormatError, type StorePath } from "@trustix/nix-formats";
import { ProtocolError, type KeptAnswer, type KeptVoice, type LogId, type SecondAnswer } from "@trustix/protocol";
import { readAnswer, UnsignedError, type SignedAnswer, type VoterKey } from "./read-answer.ts";

/** An answer with the times of a kept one. */
export interface HeardAnswer extends SignedAnswer, KeptAnswer {}

export interface Voice {
  readonly own: HeardAnswer | undefined;
  readonly claim: HeardAnswer | undefined;
  readonly checkedAt: number;
  readonly changedAt: number;
}

export const SILENT: Voice = { own: undefined, claim: undefined, checkedAt: 0, changedAt: 0 };

/** What a cache's own place answered now. */
export interface NewAnswer {
  readonly host: LogId;
  readonly answer: SignedAnswer;
}

export class Voices {
  readonly #voices: Map<LogId, Voice>;
  readonly #seconds: SecondAnswer[] = [];
  readonly #changed = new Set<LogId>();

  constructor(voices: ReadonlyMap<LogId, Voice>) {
    this.#voices = new Map(voices);
  }

  /**
   * As the configuration is now: what is signed by no key of it any more is left out, and a key that came to it is heard in
   * what was kept before.
   */
  static read(
    crypto: Crypto,
    keys: readonly VoterKey[],
    storePath: StorePath,
    kept: ReadonlyMap<LogId, KeptVoice>,
  ): Voices {
    const voices = new Map<LogId, Voice>();
    for (const [id, { own, claim, checkedAt, changedAt }] of kept) {
      const readOwn = own && heard(crypto, keys, storePath, own);
      const isOwn = claim !== undefined && claim.narInfo === own?.narInfo;
      const readClaim = claim && (isOwn ? readOwn && { ...readOwn, ...claim } : heard(crypto, keys, storePath, claim));
      const signed = readClaim?.signers.has(id) ? readClaim : undefined;
      voices.set(id, { own: readOwn, claim: signed, checkedAt, changedAt });
    }
    for (const id of new Set(keys.map(({ voter }) => voter))) {
      const voice = voices.get(id) ?? SILENT;
      const claim = voice.claim ?? earliestSignedBy(id, voices);
      if (claim !== undefined) voices.set(id, { ...voice, claim });
    }
    return new Voices(voices);
  }

  of(id: LogId): Voice {
    return this.#voices.get(id) ?? SILENT;
  }

  all(): ReadonlyMap<LogId, Voice> {
    return this.#voices;
  }

  /** Whose voices are other than they were. */
  changed(): ReadonlySet<LogId> {
    return this.#changed;
  }

  seconds(): readonly SecondAnswer[] {
    return this.#seconds;
  }

  /** The cache's own places answered, if only that they have nothing. */
  checked(id: LogId, now: number): void {
    this.#set(id, { checkedAt: now });
  }

  /** Whose answer comes first does not matter; of one cache's, the first is its answer. */
  add(answers: readonly NewAnswer[], now: number): void {
    const sorted = answers.toSorted((a, b) => (a.host < b.host ? -1 : 1));
    for (const { host, answer } of sorted) this.#addOwn(host, answer, now);
    // What a key signed is taken from its own place first.
    for (const { host, answer } of sorted) if (answer.signers.has(host)) this.#addClaim(host, answer, now);
    for (const { host, answer } of sorted)
      for (const signer of answer.signers.keys()) if (signer !== host) this.#addClaim(signer, answer, now);
  }

  #addOwn(host: LogId, answer: SignedAnswer, now: number): void {
    const { own } = this.of(host);
    if (own === undefined) return this.#set(host, { own: { ...answer, firstSeen: now, confirmedAt: now } });
    if (own.facts !== answer.facts) return;
    // Fewer signers say more of who signed first.
    const kept = answer.signers.size < own.signers.size ? answer : own;
    this.#set(host, { own: { ...kept, firstSeen: own.firstSeen, confirmedAt: now } });
  }

  #addClaim(signer: LogId, answer: SignedAnswer, now: number): void {
    const { claim, changedAt } = this.of(signer);
    if (claim === undefined) return this.#set(signer, { claim: { ...answer, firstSeen: now, confirmedAt: now } });
    if (claim.facts === answer.facts) return this.#set(signer, { claim: { ...claim, confirmedAt: now } });
    // One is enough to tell, however often such a cache is asked again.
    if (changedAt > 0) return;
    this.#set(signer, { changedAt: now });
    const [first, second] = [claim.signers.get(signer)!, answer.signers.get(signer)!];
    const publicKey = first.publicKey === second.publicKey ? first.publicKey : undefined;
    this.#seconds.push({ voter: signer, publicKey, narInfos: [claim.narInfo, answer.narInfo] });
  }

  #set(id: LogId, change: Partial<Voice>): void {
    this.#voices.set(id, { ...this.of(id), ...change });
    this.#changed.add(id);
  }
}

/** Of answers that came at one time, that of its own place. */
function earliestSignedBy(id: LogId, voices: ReadonlyMap<LogId, Voice>): HeardAnswer | undefined {
  const places = [...voices.keys()].toSorted((a, b) => (a === id ? -1 : b === id ? 1 : a < b ? -1 : 1));
  const answers = places.flatMap((place) => voices.get(place)!.own ?? []).filter(({ signers }) => signers.has(id));
  return answers.toSorted((a, b) => a.firstSeen - b.firstSeen)[0];
}

function heard(
  crypto: Crypto,
  keys: readonly VoterKey[],
  storePath: StorePath,
  { narInfo, firstSeen, confirmedAt }: KeptAnswer,
): HeardAnswer | undefined {
  try {
    return { ...readAnswer(crypto, keys, storePath, narInfo), firstSeen, confirmedAt };
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/** Whether `readAnswer` throws this of bytes from outside. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof NixFormatError || error instanceof ProtocolError || error instanceof UnsignedError;
}
