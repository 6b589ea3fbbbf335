/** A log with everything it stands on, for tests: fixed key, a clock that is moved by hand. */
import { nodeCrypto } from "@trustix/node-crypto";
import { type LogInfo, type Protocol, TEST, logIdOf } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { openLogReader } from "../../src/logs/log-reader.ts";
import { MapRoots } from "../../src/logs/map-roots.ts";
import { PublishedLog } from "../../src/logs/published-log.ts";
import { registerLogs } from "../../src/logs/register-logs.ts";
import type { Clock, LogReader, SubmitItem } from "../../src/model.ts";
import type { PublisherLimits, PublisherOptions } from "../../src/publisher/options.ts";
import { type RecoverablePublisher, openPublisher } from "../../src/publisher/publisher.ts";

export const crypto = nodeCrypto();
export const seed = new Uint8Array(32).fill(7);

export function logInfo(protocol: Protocol = TEST, ofSeed: Uint8Array = seed): LogInfo {
  const publicKey = crypto.ed25519PublicKey(ofSeed);
  return { id: logIdOf(crypto, { protocol, publicKey }), protocol, publicKey, meta: {} };
}

/** Time moves, and timers go off, only by `advance`. */
export class HandClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #timers: { at: number; call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, call };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { call } of due) call();
  }
}

export interface TestLog {
  readonly publisher: RecoverablePublisher;
  readonly reader: LogReader;
  readonly published: PublishedLog;
  readonly clock: HandClock;
}

export interface TestLogOptions extends Partial<Omit<PublisherOptions, "limits">> {
  readonly limits?: Partial<PublisherLimits>;
  readonly protocol?: Protocol;
  readonly maxRange?: number;
}

/** Flushes only when asked, unless `limits` says otherwise. */
export async function openTestLog(store: Store, options: TestLogOptions = {}): Promise<TestLog> {
  const { protocol, maxRange, limits, ...rest } = options;
  const info = logInfo(protocol, options.seed);
  const keys = (await registerLogs(store, [info])).get(info.id)!;
  const published = new PublishedLog(info, keys);
  const clock = new HandClock();
  const publisher = await openPublisher({
    store,
    crypto,
    clock,
    published,
    seed,
    marker: undefined,
    ...rest,
    limits: { flushEveryMs: 0, flushAtItems: Infinity, ...limits },
  });
  const roots = new MapRoots(store, published);
  const range = maxRange === undefined ? {} : { maxRange };
  return { publisher, reader: openLogReader({ reads: store, crypto, published, roots, ...range }), published, clock };
}

export function item(key: string, value: string): SubmitItem {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

/** `count` items `key-from`... with values of their own. */
export function items(from: number, count: number): SubmitItem[] {
  return Array.from({ length: count }, (_, i) => item(`key-${from + i}`, `value-${from + i}`));
}

export function texts(keys: readonly Uint8Array[]): string[] {
  return keys.map((key) => Buffer.from(key).toString());
}
