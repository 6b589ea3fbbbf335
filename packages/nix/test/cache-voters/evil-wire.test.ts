/** A cache whose answers travel in every way that is made to hurt: its vote is lost, and nothing else is. */
import { utf8 } from "@trustix/crypto";
import { startEvilHttp, WIRE_LIES, type Attack } from "@trustix/testkit/evil";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageOf } from "../proxy/world.ts";
import { Caches, narInfoOf, until } from "./caches.ts";

const { facts } = packageOf("hello", 500, [packageOf("dep").facts.storePath]);
/** A narinfo of 512 KiB, three tries, and what the system's buffers take of each. */
const MOST_BYTES = 3 * ((512 << 10) + (16 << 20));

const TOO_LONG = ["unverifiable", /more than 524288 bytes/] as const;
const SILENT = ["unreachable", /no answer within 1800 ms/] as const;
/** Nobody has to say of a narinfo what it is, and what comes behind an answer is not looked at. */
const FINE = ["claims", /^$/] as const;

const SEEN: Readonly<Record<keyof typeof WIRE_LIES, readonly [outcome: string, reason: RegExp]>> = {
  otherContentType: FINE,
  noContentType: FINE,
  hintsFirst: FINE,
  longBody: FINE,
  redirectToItself: ["unverifiable", /redirects more than 5 times/],
  redirectElsewhere: ["unverifiable", /leads to 127\.0\.0\.1, which is no public address/],
  internalServerError: ["unreachable", /HTTP status 500/],
  tooManyRequests: ["unreachable", /HTTP status 429/],
  badGateway: ["unreachable", /HTTP status 502/],
  noContent: ["unreachable", /HTTP status 204/],
  errorBomb: ["unreachable", /HTTP status 500/],
  endlessError: ["unreachable", /HTTP status 500/],
  nothingThere: ["unverifiable", /it says that it has none/],
  oversized: TOO_LONG,
  gzipBomb: TOO_LONG,
  endlessBody: TOO_LONG,
  notGzip: ["unverifiable", /its gzip encoding is broken/],
  strangeEncoding: ["unverifiable", /its br encoding is broken/],
  endlessHeaders: ["unreachable", /Headers Overflow/],
  endlessHints: ["unverifiable", /early hints \(more than 16\) and no answer/],
  slowDrip: SILENT,
  hangBeforeHeaders: SILENT,
  hangAfterHeaders: SILENT,
  reset: ["unreachable", /ECONNRESET|closed/],
  resetWithinAnswer: ["unreachable", /ECONNRESET|closed/],
  shortBody: ["unreachable", /closed/],
  notHttp: ["unreachable", /HTTP/],
};

let caches: Caches;
beforeEach(() => {
  caches = new Caches();
});
afterEach(() => caches.stop());

test.each(Object.entries(WIRE_LIES) as [keyof typeof WIRE_LIES, Attack][])("%s", async (name, { send }) => {
  const { key, config } = await caches.add("evil");
  await caches.add("honest");
  caches.serve("honest", facts);
  const narInfo = utf8(narInfoOf(facts, [key]));
  await using evil = await startEvilHttp(() => ({ status: 200, headers: {}, body: narInfo }));
  evil.send = send;
  caches.cache("evil").config = { ...config, urls: [evil.url] };
  // Where redirects lead is another server on this machine.
  caches.open({ allowAddress: () => false });
  const votes = await moved(() => evil.stalled(), caches.votes(facts));
  const [outcome, reason] = SEEN[name];
  expect(votes.get("evil")!.vote).toMatchObject({ outcome, reason: expect.stringMatching(reason) as string });
  expect(votes.get("honest")!.vote.outcome).toBe("claims");
  expect(caches.memory.kept.get(facts.storePath)!.size).toBe(outcome === "claims" ? 2 : 1);
  expect(evil.bytesSent()).toBeLessThan(MOST_BYTES);
  expect([evil.trapped(), caches.faults]).toEqual([0, []]);
});

/** The longest between two tries; the budget has more than that left then. */
const PAUSE_MS = 200;

/** Waits for work, and moves time for what hangs and between tries, and not while an answer is on its way. */
async function moved<T>(stalled: () => number, work: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => void (done = true);
  work.then(end, end);
  while (!done) {
    await until(() => done || stalled() > 0 || caches.clock.waiting().some((ms) => ms <= PAUSE_MS));
    await caches.clock.advance(100);
  }
  return work;
}
