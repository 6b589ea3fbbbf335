/**
 * Under which keys a node stores what: docs/design/storage-layout.md in code, and nothing else knows a key's bytes.
 * Numbers are big endian, so that keys order as numbers do.
 */
import { bundleKey } from "@trustix/merkle";

/** Written as the layout's version; a store with another one is refused. */
export const LAYOUT_VERSION = 1;

const NODE_SPACE = 0x00;
const LOGS_SPACE = 0x01;
const LOG_SPACE = 0x10;
const VALUE_SPACE = 0x20;
const PRIVATE_VALUE_SPACE = 0x21;
const FOLLOWED_SPACE = 0x30;
const CALLS_SPACE = 0x40;
const CLAIM_SPACE = 0x50;
const DOSSIER_SPACE = 0x60;
const EVIDENCE_SPACE = 0x70;
const VOICE_SPACE = 0x80;

/** Bytes of a store path's hash part. */
export const HASH_PART_BYTES = 20;

/** The record of what is node-wide: layout version and next serial. */
export const NODE_KEY = Uint8Array.of(NODE_SPACE, 0x6e);

/** `logId`: the 32 raw bytes. */
export function logRecordKey(logId: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(LOGS_SPACE), logId);
}

export function valueKey(digest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + digest.length);
  key[0] = VALUE_SPACE;
  key.set(digest, 1);
  return key;
}

/** A value that only the node's own user may see. */
export function privateValueKey(digest: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(PRIVATE_VALUE_SPACE), digest);
}

/** All of these whose digests are at least `from` and below `to`; `undefined`: up to the last. */
export function privateValuesBetween(from: Uint8Array, to: Uint8Array | undefined): KeyRange {
  const last = Uint8Array.of(PRIVATE_VALUE_SPACE + 1);
  return { from: privateValueKey(from), to: to === undefined ? last : privateValueKey(to) };
}

/** Bytes of a claim's key. */
export const CLAIM_KEY_BYTES = 1 + 32 + 2;

/** What the voter with this serial claims for the key with this map path. */
export function claimKey(path: Uint8Array, serial: number): Uint8Array {
  const key = new Uint8Array(CLAIM_KEY_BYTES);
  key[0] = CLAIM_SPACE;
  key.set(path, 1);
  key[33] = serial >> 8;
  key[34] = serial & 255;
  return key;
}

/** The serial in a claim's key. */
export function serialOfClaim(key: Uint8Array): number {
  return key[33]! * 256 + key[34]!;
}

/** All claims in the order of their paths, those of one path by serial. */
export function allClaims(): KeyRange {
  return rangeOf(Uint8Array.of(CLAIM_SPACE));
}

/** Claims of keys with larger paths than this one. */
export function claimsBehind(path: Uint8Array): KeyRange {
  return { from: joined(claimKey(path, 0xffff), Uint8Array.of(0)), to: allClaims().to };
}

/** Claims of keys whose paths begin with so many bits of `path`. */
export function claimsBetween(path: Uint8Array, bits: number): KeyRange {
  const whole = Math.floor(bits / 8);
  const [low, high] = [new Uint8Array(32), new Uint8Array(32).fill(255)];
  low.set(path.subarray(0, whole));
  high.set(path.subarray(0, whole));
  if (bits % 8 > 0) {
    const mask = 255 >> (bits % 8);
    low[whole] = path[whole]! & ~mask;
    high[whole] = path[whole]! | mask;
  }
  return { from: claimKey(low, 0), to: joined(claimKey(high, 0xffff), Uint8Array.of(0)) };
}

/** What the user said of voters, in order. */
export function overrideKey(n: number): Uint8Array {
  return bundleKey(Uint8Array.of(DOSSIER_SPACE, 0x6f), n);
}

/** That a voter was excluded for dissent. `voter`: its id's 32 bytes. */
export function exclusionKey(voter: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(DOSSIER_SPACE, 0x78), voter);
}

/** That a voter gave a second answer for the key with this map path. */
export function secondAnswerKey(voter: Uint8Array, path: Uint8Array): Uint8Array {
  return joined(joined(Uint8Array.of(DOSSIER_SPACE, 0x73), voter), path);
}

/** All of them, by the letter of their kind. */
export function dossierRecords(): Readonly<Record<"overrides" | "exclusions" | "secondAnswers", KeyRange>> {
  return {
    overrides: rangeOf(Uint8Array.of(DOSSIER_SPACE, 0x6f)),
    exclusions: rangeOf(Uint8Array.of(DOSSIER_SPACE, 0x78)),
    secondAnswers: rangeOf(Uint8Array.of(DOSSIER_SPACE, 0x73)),
  };
}

/** Where a proof of misbehaviour lies; each part but `kind` has 32 bytes. */
export interface EvidencePlace {
  readonly publicKey: Uint8Array;
  /** 0..254. */
  readonly kind: number;
  readonly subject: Uint8Array;
  readonly id: Uint8Array;
}

/** Bytes of a proof's key. */
export const EVIDENCE_KEY_BYTES = 1 + 32 + 1 + 32 + 32;

export function evidenceKey({ publicKey, kind, subject, id }: EvidencePlace): Uint8Array {
  return joined(joined(joined(joined(Uint8Array.of(EVIDENCE_SPACE), publicKey), Uint8Array.of(kind)), subject), id);
}

/** The parts of a proof's key. */
export function evidencePlace(key: Uint8Array): EvidencePlace {
  return { publicKey: key.slice(1, 33), kind: key[33]!, subject: key.slice(34, 66), id: key.slice(66) };
}

export function allEvidence(): KeyRange {
  return rangeOf(Uint8Array.of(EVIDENCE_SPACE));
}

/** Against one key, of all kinds or one. */
export function evidenceAgainst(publicKey: Uint8Array, kind?: number): KeyRange {
  const from = joined(Uint8Array.of(EVIDENCE_SPACE), publicKey);
  const [first, last] = kind === undefined ? [0, 255] : [kind, kind + 1];
  return { from: joined(from, Uint8Array.of(first)), to: joined(from, Uint8Array.of(last)) };
}

/** What comes after the proof with this key, which need not be there. */
export function evidenceAfter(key: Uint8Array): KeyRange {
  return { from: joined(key, Uint8Array.of(0)), to: allEvidence().to };
}

/** What is kept of the binary cache with this serial for the key with this map path. */
export function voiceKey(path: Uint8Array, serial: number): Uint8Array {
  return joined(joined(Uint8Array.of(VOICE_SPACE, 0x76), path), Uint8Array.of(serial >> 8, serial & 255));
}

/** Bytes of such a key. */
export const VOICE_KEY_BYTES = 2 + 32 + 2;

/** The map path and the serial in such a key. */
export function voicePlace(key: Uint8Array): { readonly path: Uint8Array; readonly serial: number } {
  return { path: key.slice(2, 34), serial: key[34]! * 256 + key[35]! };
}

/** All of them in the order of their paths. */
export function allVoices(): KeyRange {
  return rangeOf(Uint8Array.of(VOICE_SPACE, 0x76));
}

/** What all voices were last judged by. */
export const VOICES_STATE_KEY = Uint8Array.of(VOICE_SPACE, 0x73);

export interface KeyRange {
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
}

/** The keys of one log's records. The prefixes are handed to the trees. */
export class LogKeys {
  readonly serial: number;
  readonly bundles: Uint8Array;
  readonly logTiles: Uint8Array;
  readonly mapHeadTiles: Uint8Array;
  readonly map: Uint8Array;
  /** Where the queue begins; written only by the batch that drains it. */
  readonly queuePosition: Uint8Array;
  /** How far the copy of somebody else's log is. */
  readonly mirrorState: Uint8Array;

  constructor(serial: number) {
    this.serial = serial;
    this.bundles = this.#prefix("b");
    this.logTiles = this.#prefix("t");
    this.mapHeadTiles = this.#prefix("h");
    this.map = this.#prefix("m");
    this.queuePosition = this.#prefix("s");
    this.mirrorState = this.#prefix("f");
  }

  bundle(n: number): Uint8Array {
    return bundleKey(this.bundles, n);
  }

  /** `mapHeadIndex`: the place of the head's map root in the map-head log. */
  head(mapHeadIndex: number): Uint8Array {
    return this.#numbered("d", mapHeadIndex);
  }

  heads(): KeyRange {
    return rangeOf(this.#prefix("d"));
  }

  mapRoot(root: Uint8Array): Uint8Array {
    return joined(this.#prefix("r"), root);
  }

  mapRoots(): KeyRange {
    return rangeOf(this.#prefix("r"));
  }

  queue(seq: number): Uint8Array {
    return this.#numbered("q", seq);
  }

  /** From a number on: deleted records before it need not be stepped over. */
  queueFrom(seq: number): KeyRange {
    return { from: this.queue(seq), to: rangeOf(this.#prefix("q")).to };
  }

  /** One record a refused claim, however often it is submitted: `path` of its key, `digest` of its value. */
  refused(path: Uint8Array, digest: Uint8Array): Uint8Array {
    return joined(joined(this.#prefix("x"), path), digest);
  }

  /** What comes after the claim of this path and digest, which need not be there. */
  refusedAfter(pathAndDigest: Uint8Array): KeyRange {
    const { from, to } = this.allRefused();
    return { from: joined(joined(from, pathAndDigest), Uint8Array.of(0)), to };
  }

  allRefused(): KeyRange {
    return rangeOf(this.#prefix("x"));
  }

  /** A mirrored log's value that nobody has delivered yet. */
  missingValue(digest: Uint8Array): Uint8Array {
    return joined(this.#prefix("v"), digest);
  }

  missingValues(): KeyRange {
    return rangeOf(this.#prefix("v"));
  }

  /** Those whose digests are at least `from` and below `to`; `undefined`: up to the last. */
  missingBetween(from: Uint8Array, to: Uint8Array | undefined): KeyRange {
    return { from: this.missingValue(from), to: to ? this.missingValue(to) : this.missingValues().to };
  }

  hashPart(part: Uint8Array): Uint8Array {
    return joined(this.#prefix("p"), part);
  }

  hashParts(): KeyRange {
    return rangeOf(this.#prefix("p"));
  }

  #prefix(kind: string): Uint8Array {
    return Uint8Array.of(LOG_SPACE, this.serial >> 8, this.serial & 255, kind.charCodeAt(0));
  }

  #numbered(kind: string, n: number): Uint8Array {
    return bundleKey(this.#prefix(kind), n);
  }
}

/** All keys that begin with `prefix`, whose last byte is below 255. */
export function rangeOf(prefix: Uint8Array): KeyRange {
  const to = prefix.slice();
  to[to.length - 1]!++;
  return { from: prefix, to };
}

/** All values whose digests are at least `from` and below `to`; `undefined`: up to the last. */
export function valuesBetween(from: Uint8Array, to: Uint8Array | undefined): KeyRange {
  return { from: valueKey(from), to: to ? valueKey(to) : Uint8Array.of(VALUE_SPACE + 1) };
}

/** Every record of followed logs. */
export function followedRecords(): KeyRange {
  return rangeOf(Uint8Array.of(FOLLOWED_SPACE));
}

/** Every record of signed calls. */
export function callRecords(): KeyRange {
  return rangeOf(Uint8Array.of(CALLS_SPACE));
}

/** The calls that were made, in the order of their times. */
export function madeCalls(): KeyRange {
  return rangeOf(Uint8Array.of(CALLS_SPACE, 0x6e));
}

/** Bytes of what tells a made call from others of its time. */
export const CALL_ID_BYTES = 16;

/** `id`: 16 bytes. */
export function madeCallKey(time: number, id: Uint8Array): Uint8Array {
  return joined(bundleKey(madeCalls().from, time), id);
}

/** The latest time of a call that was forgotten. */
export const FORGOTTEN_CALLS_KEY = Uint8Array.of(CALLS_SPACE, 0x66);

/** Where nothing should be, in a store whose logs have these serials. */
export function emptyRanges(serials: readonly number[]): KeyRange[] {
  const used: KeyRange[] = [
    { from: NODE_KEY, to: joined(NODE_KEY, Uint8Array.of(0)) },
    rangeOf(Uint8Array.of(LOGS_SPACE)),
    ...serials.toSorted((a, b) => a - b).map(logSpace),
    rangeOf(Uint8Array.of(VALUE_SPACE)),
    rangeOf(Uint8Array.of(PRIVATE_VALUE_SPACE)),
    followedRecords(),
    callRecords(),
    allClaims(),
    ...Object.values(dossierRecords()).sort((a, b) => a.from[1]! - b.from[1]!),
    allEvidence(),
    { from: VOICES_STATE_KEY, to: joined(VOICES_STATE_KEY, Uint8Array.of(0)) },
    allVoices(),
  ];
  const ranges: KeyRange[] = [];
  let from = new Uint8Array(0);
  for (const { from: to, to: next } of used) {
    ranges.push({ from, to });
    from = next.slice();
  }
  // No key is that long.
  return [...ranges, { from, to: new Uint8Array(1024).fill(255) }];
}

function logSpace(serial: number): KeyRange {
  const to = serial === 0xffff ? Uint8Array.of(LOG_SPACE + 1) : u16Key(serial + 1);
  return { from: u16Key(serial), to };
}

function u16Key(serial: number): Uint8Array {
  return Uint8Array.of(LOG_SPACE, serial >> 8, serial & 255);
}

/** The number at the end of a numbered key. */
export function numberOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(key.length - 6, 6);
}

function joined(prefix: Uint8Array, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(prefix.length + rest.length);
  key.set(prefix);
  key.set(rest, prefix.length);
  return key;
}
