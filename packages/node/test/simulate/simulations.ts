/** A node with four copied builders and a log of its own, and simulations over it. */
import { createSandbox, POLICY_DEFAULTS, type Policy, type Rule } from "@trustix/decider";
import { NIX, encodeNixValue, type LogId } from "@trustix/protocol";
import { FakeLog, FakeNode, FakeReader } from "@trustix/testkit";
import { onTestFinished } from "vitest";
import { createDecide } from "../../src/decide/index.ts";
import { openAllValues } from "../../src/logs/values.ts";
import type { SimulatedPage, SimulatedPath, SimulateQuestion, Values } from "../../src/model.ts";
import { createSimulate } from "../../src/simulate/simulate.ts";
import { NO_STANDING } from "../idle-parts.ts";
import { mirrored } from "../mirror/mirrors.ts";
import { crypto } from "../subscriber/network.ts";

const NAMES = ["mercury", "venus", "saturn", "mars"];
export const PATHS = 120;
export const { signal } = new AbortController();

function pathOf(i: number): string {
  return `/nix/store/${i.toString().padStart(32, "0")}-package-${i % 7}-${i}`;
}

function factsOf(i: number, narSize: number): string {
  const facts = { path: pathOf(i), narHash: `sha256-${"A".repeat(43)}=`, narSize, references: [] };
  return Buffer.from(encodeNixValue(facts)).toString();
}

/**
 * Four copied builders, each of which lacks some paths; saturn differs on every tenth, venus spells every third in another
 * way, mars contradicts all on every 50th together with saturn. An own log claims some of theirs, and some that only it has.
 */
function claimOf(name: string, i: number): string | undefined {
  if ((i + NAMES.indexOf(name)) % 5 === 0) return undefined;
  const value = factsOf(i, (name === "saturn" && i % 10 === 0) || (name === "mars" && i % 50 === 0) ? 666 : 120);
  return name === "venus" && i % 3 === 0 ? JSON.stringify(JSON.parse(value), undefined, 1) : value;
}

interface Options {
  readonly excluded?: (id: LogId) => string | undefined;
  readonly values?: "none";
  readonly count?: number;
}

/** Every second path from the middle on. */
function ownPaths(count: number): number[] {
  return Array.from({ length: count / 2 }, (_, i) => 2 * i + count / 2);
}

/** Everything that anybody claims. */
export function keysOf(count: number): string[] {
  return [...new Set([...Array.from({ length: count }, (_, i) => i), ...ownPaths(count)])].map(pathOf).toSorted();
}

export async function party(options: Options = {}) {
  const count = options.count ?? PATHS;
  const logs = NAMES.map((name) => {
    const log = new FakeLog(crypto, name, NIX);
    const claims = Array.from({ length: count }, (_, i) => [pathOf(i), claimOf(name, i)] as const);
    log.publish(...claims.flatMap(([path, value]) => (value === undefined ? [] : [[path, value] as const])));
    return log;
  });
  const own = new FakeLog(crypto, "own", NIX);
  own.publish(...ownPaths(count).map((i) => [pathOf(i), factsOf(i, 120)] as const));
  const net = await mirrored(
    logs,
    logs.map((log, i) => new FakeNode(`memory:${i}`, log)),
    { eager: options.values !== "none" },
  );
  for (const log of logs) await net.serves(log);
  const all = [...logs, own];
  const [mercury, venus, saturn, mars, self] = all.map(({ info }) => info.id) as [LogId, LogId, LogId, LogId, LogId];
  const voters = all.map(({ info }, i) => ({ logId: info.id, name: NAMES[i] ?? "own" }));
  const policyOf = (rules: readonly Rule[], more: Partial<Policy> = {}): Policy => ({
    ...POLICY_DEFAULTS,
    protocol: NIX,
    rules,
    voters,
    ...more,
  });
  const current = policyOf([{ engine: "quorum", threshold: 3, voters: undefined }]);
  const readers = [new FakeReader(own)];
  const builders = { ...NO_STANDING, excluded: options.excluded ?? (() => undefined) };
  const stored = openAllValues(net.store, crypto);
  const values: Values = {
    getMany: async (digests) =>
      (await stored.getMany(digests)).map(
        (value, i) => value ?? (options.values === "none" ? undefined : own.valueOf(digests[i]!)),
      ),
  };
  const sandbox = createSandbox();
  onTestFinished(async () => (await sandbox).close());
  const simulate = createSimulate({
    crypto,
    clock: net.clock,
    store: net.store,
    policies: [current],
    builders,
    voters: new Map(
      logs.map(({ info: { id } }, serial) => [
        serial,
        { logId: id, size: () => net.mirror.status(id)?.served?.treeSize },
      ]),
    ),
    own: readers,
    values,
    entry: async (logId, index) => {
      const reader = logId === self ? readers[0] : net.mirror.reader(logId);
      return (await reader?.entries(index, index))?.[0];
    },
    isOnlyAsked: () => false,
    isCache: () => false,
    sandbox: () => sandbox,
  });
  const decideBy = async (policy: Policy, key: Uint8Array) => {
    const decide = createDecide({
      crypto,
      clock: net.clock,
      policies: [policy],
      follower: net.follower,
      mirror: net.mirror,
      builders,
      own: readers,
      values,
      sandbox: await sandbox,
    });
    return (await decide.explain("nix", key, { waitUntil: undefined, signal })).outcome;
  };
  const pagesOf = async (question: Partial<SimulateQuestion>): Promise<SimulatedPage[]> => {
    const pages: SimulatedPage[] = [];
    let after: Uint8Array | undefined;
    do {
      const asked = { protocol: "nix", policy: undefined, each: false, maxBytes: 1 << 30, ...question, after };
      pages.push(await simulate.page(asked, signal));
      after = pages.at(-1)!.next;
    } while (after !== undefined);
    return pages;
  };
  return { ...net, simulate, pagesOf, decideBy, current, policyOf, ids: { mercury, venus, saturn, mars, self } };
}

export function textOf({ key }: SimulatedPath): string {
  return Buffer.from(key!).toString();
}
