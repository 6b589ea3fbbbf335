/** The memory of caches that vote, over a store in memory, with local logs as the daemon opens them. */
import type { Evidence } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import {
  keyPairOfSeed,
  logIdOf,
  mapPath,
  NIX,
  type CacheClaim,
  type Hash,
  type KeptVoice,
  type LogId,
  type SecondAnswer,
} from "@trustix/protocol";
import { openMemoryStore, type Store } from "@trustix/storage";
import { FakeClock } from "@trustix/testkit";
import { pino } from "pino";
import { openVoices, type StoredVoices } from "../../src/caches/index.ts";
import { localLogInfo } from "../../src/caches/local-log.ts";
import { readClaims, type StoredClaim } from "../../src/claims/claims.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import { infosOf, openLocalLogs, type LocalLogPlan, type OpenedLocalLog } from "../../src/open-caches.ts";
import { crypto } from "../subscriber/network.ts";

export const NAMES = ["big", "small"] as const;

function planOf(name: string): LocalLogPlan {
  const publicKey = keyPairOfSeed(crypto, crypto.sha256(utf8(`cache ${name}`))).publicKey;
  const info = { id: logIdOf(crypto, { protocol: NIX, publicKey }), protocol: NIX, publicKey, meta: {} };
  const cache = {
    info,
    name,
    operator: undefined,
    urls: [`https://${name}.example`],
    publicKeys: [{ name: `${name}-1`, publicKey }],
    countCopies: false,
    recheckAfterMs: 86_400_000,
    negativeMs: 30_000,
  };
  const keys = keyPairOfSeed(crypto, crypto.sha256(utf8(`local log of ${name}`)));
  return { cache, info: localLogInfo(crypto, keys, cache), seed: keys.seed };
}

export const PLANS = NAMES.map(planOf);
export const [BIG, SMALL] = PLANS.map(({ cache }) => cache.info.id) as [LogId, LogId];

export const HELLO = "/nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello";
export const OTHER = "/nix/store/0c0z4n2gfwd7h6l1mv4yk3x1vq6lcn5p-other";
export const pathOf = (storePath: string): Hash => mapPath(crypto, utf8(storePath));

/** What was heard: the text of a narinfo, its own and as its key's first. */
export function voice(narInfo: string, change: Partial<KeptVoice> = {}): KeptVoice {
  const answer = { narInfo: utf8(narInfo), firstSeen: 1000, confirmedAt: 2000 };
  return { own: answer, claim: answer, checkedAt: 2000, changedAt: 0, ...change };
}

export const claim = (text: string, counts = true): CacheClaim => ({ value: utf8(text), counts });

export interface Kept {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly voices: StoredVoices;
  readonly logs: readonly OpenedLocalLog[];
  readonly evidence: Evidence[];
  readonly seconds: string[];
  readonly faults: unknown[];
  /** How often the claims table changed. */
  recorded: number;
  tell(storePath: string, voter: LogId, narInfo: string, claim?: CacheClaim, second?: SecondAnswer): Promise<void>;
  rows(storePath: string): Promise<(StoredClaim | undefined)[]>;
  close(): Promise<void>;
}

export async function keptCaches(
  store: Store = openMemoryStore(),
  { fingerprint = new Uint8Array(32), plans = PLANS }: { fingerprint?: Hash; plans?: readonly LocalLogPlan[] } = {},
): Promise<Kept> {
  const clock = new FakeClock();
  const keys = await registerLogs(store, infosOf(plans));
  const closers: (() => Promise<void>)[] = [];
  const config = { voters: [], limits: { entries: 1000 } } as unknown as Parameters<typeof openLocalLogs>[0]["config"];
  const common = { crypto, clock, config, log: pino({ enabled: false }) };
  const logs = await openLocalLogs(common, store, plans, keys, closers);
  const serials = logs.map(({ serial }) => serial);
  const kept = {
    store,
    clock,
    logs,
    evidence: [] as Evidence[],
    seconds: [] as string[],
    faults: [] as unknown[],
    recorded: 0,
  };
  const voices = await openVoices({
    crypto,
    store,
    clock,
    logs,
    fingerprint,
    keepEvidence: async (evidence) => void kept.evidence.push(evidence),
    addSecondAnswer: async (voter, key) => void kept.seconds.push(`${voter} ${key}`),
    onRecorded: () => void all.recorded++,
    onFault: (error) => kept.faults.push(error),
  });
  const all: Kept = Object.assign(kept, {
    voices,
    tell: (storePath: string, voter: LogId, narInfo: string, claimed?: CacheClaim, second?: SecondAnswer) =>
      voices.keep(storePath, [{ voter, voice: voice(narInfo), claim: claimed }], second === undefined ? [] : [second]),
    rows: (storePath: string) => readClaims(store, pathOf(storePath), serials),
    async close() {
      await voices.close();
      for (const close of closers) await close();
    },
  });
  return all;
}
