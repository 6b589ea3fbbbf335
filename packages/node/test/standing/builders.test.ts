/** Standing from real copies: who dissents, who lied, what the user says, and what is left of it after a restart. */
import { DEFAULT_STANDING_BOUNDS, POLICY_DEFAULTS, type Standing } from "@trustix/decider";
import { mapPath, NIX, TEST, type LogId, type Protocol } from "@trustix/protocol";
import { utf8 } from "@trustix/crypto";
import { FakeLog, FakeNode, FakeReader } from "@trustix/testkit";
import { expect, test } from "vitest";
import { openAllValues } from "../../src/logs/values.ts";
import { buildersResponse } from "../../src/server/builder-status.ts";
import { StandingBuilders } from "../../src/standing/builders.ts";
import { DossierStore } from "../../src/standing/dossier-store.ts";
import { mirrored, type Mirrored } from "../mirror/mirrors.ts";
import { crypto } from "../subscriber/network.ts";

const NAMES = ["mercury", "venus", "saturn", "mars"];
/** Few paths must be enough in a test. */
const BOUNDS = { ...DEFAULT_STANDING_BOUNDS, share: 0.05 };
const PACKAGES = 60;

interface Party {
  readonly net: Mirrored;
  readonly logs: FakeLog[];
  readonly told: string[];
  open(): Promise<StandingBuilders>;
}

/** `claim` says what a builder claims for a package. */
async function party(
  claim: (builder: string, i: number) => string | undefined,
  { protocol = TEST, own = [] }: { protocol?: Protocol; own?: readonly FakeLog[] } = {},
): Promise<Party> {
  const logs = NAMES.map((name) => new FakeLog(crypto, name, protocol));
  for (const [n, log] of logs.entries()) {
    const claims = Array.from({ length: PACKAGES }, (_, i) => [keyOf(i), claim(NAMES[n]!, i)] as const);
    log.publish(...claims.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
  }
  const nodes = logs.map((log, i) => new FakeNode(`memory:${NAMES[i]}`, log));
  const net = await mirrored(logs, nodes);
  for (const log of logs) await net.serves(log);
  const told: string[] = [];
  const readers = own.map((log) => new FakeReader(log));
  const reader = (logId: LogId) => readers.find(({ info }) => info.id === logId) ?? net.mirror.reader(logId);
  const open = async (): Promise<StandingBuilders> =>
    new StandingBuilders({
      crypto,
      clock: net.clock,
      store: net.store,
      dossier: await DossierStore.open(net.store),
      policies: [
        {
          ...POLICY_DEFAULTS,
          protocol,
          rules: [],
          voters: [...logs, ...own].map(({ info }, i) => ({ logId: info.id, name: NAMES[i] ?? "own" })),
        },
      ],
      bounds: BOUNDS,
      voters: new Map(
        logs.map(({ info: { id } }, serial) => [
          serial,
          { logId: id, size: () => net.mirror.status(id)?.served?.treeSize },
        ]),
      ),
      own: readers,
      values: openAllValues(net.store, crypto),
      entry: async (logId, index) => (await reader(logId)?.entries(index, index))?.[0],
      proofs: () =>
        logs.flatMap(({ info: { id } }) => {
          const against = net.follower.against(id);
          return against === undefined ? [] : [{ voter: id, at: against.time, what: against.why }];
        }),
      onChange: ({ standing }, name) => told.push(`${name} ${standing}`),
    });
  return { net, logs, told, open };
}

function keyOf(i: number): string {
  return `/nix/store/${i.toString().padStart(32, "0")}-${String.fromCharCode(97 + (i % 26))}pkg${"x".repeat(i / 26)}-1.0`;
}

async function standingsNow(builders: StandingBuilders): Promise<Standing[]> {
  await builders.count();
  return [...builders.standings()];
}

test("whoever stands alone again and again is excluded, with the reason and examples; the others are not", async () => {
  const { open, logs, told } = await party((builder, i) =>
    builder === "saturn" && i < 40 ? `implant ${i}` : `good ${i}`,
  );
  const builders = await open();
  const standings = await standingsNow(builders);
  expect(standings.map(({ standing }) => standing)).toEqual(["good", "good", "excluded", "good"]);
  expect(standings[2]).toMatchObject({ cause: "dissent", figures: { claims: 60, agreed: 20, alone: 40 } });
  expect(standings[2]!.figures.examples).toHaveLength(5);
  expect(builders.excluded(logs[2]!.info.id)).toBe(standings[2]!.reasons[0]);
  expect(builders.excluded(logs[0]!.info.id)).toBeUndefined();
  expect(told).toEqual(["saturn excluded"]);
});

test("what scatters or splits counts against the package, and spelling is no dissent", async () => {
  const scattered = await party((builder, i) => (i < 40 ? `${builder} ${i}` : "same"));
  expect((await standingsNow(await scattered.open())).map(({ standing }) => standing)).toEqual(Array(4).fill("good"));
  const facts = (i: number) => ({ narSize: 120, narHash: `sha256-${"A".repeat(43)}=`, path: keyOf(i), references: [] });
  const spelt = await party((builder, i) => JSON.stringify(facts(i), undefined, builder === "saturn" ? 2 : undefined), {
    protocol: NIX,
  });
  const standings = await standingsNow(await spelt.open());
  expect(standings.map(({ figures }) => [figures.agreed, figures.alone])).toEqual(
    Array.from({ length: 4 }, () => [60, 0]),
  );
});

test("an exclusion for dissent outlives the node, and the claims that led to it are forgiven by a pardon", async () => {
  const { open, logs, net } = await party((builder, i) =>
    builder === "saturn" && i < 40 ? `implant ${i}` : `good ${i}`,
  );
  const { id } = logs[2]!.info;
  await standingsNow(await open());
  const again = await open();
  expect(again.excluded(id)).toMatch(/alone/);
  await net.clock.advance(1000);
  const pardoned = await again.override({ voter: id, kind: "pardon", reason: "its disk was broken, it rebuilt all" });
  expect(pardoned).toMatchObject({ standing: "good", figures: { forgiven: 40 } });
  const later = await open();
  expect(later.excluded(id)).toBeUndefined();
  expect(later.overrides()).toMatchObject([{ voter: id, kind: "pardon", at: net.clock.now() }]);
});

test("the user's word excludes anybody, with a reason and only those that are configured", async () => {
  const { open, logs } = await party(() => "same");
  const builders = await open();
  const { id } = logs[0]!.info;
  const excluded = await builders.override({ voter: id, kind: "exclude", reason: "sold to somebody else" });
  expect(excluded).toMatchObject({ standing: "excluded", cause: "user" });
  expect(builders.excluded(id)).toBe("excluded by the user: sold to somebody else");
  await expect(builders.override({ voter: id, kind: "pardon", reason: " " })).rejects.toMatchObject({
    code: "invalid_argument",
  });
  await expect(builders.override({ voter: id, kind: "pardon", reason: "x".repeat(501) })).rejects.toMatchObject({
    code: "too_large",
  });
  const stranger = new FakeLog(crypto, "stranger").info.id;
  await expect(builders.override({ voter: stranger, kind: "exclude", reason: "x" })).rejects.toMatchObject({
    code: "not_found",
  });
  expect((await open()).overrides()).toHaveLength(1);
});

test("an exclusion leaves the others too few to judge each other, which the node's answer says, and a pardon undoes it", async () => {
  const { open, logs } = await party(() => "same");
  const builders = await open();
  const { id } = logs[0]!.info;
  const told = () =>
    buildersResponse({ builders, policies: [] }).Builders!.map(
      ({ Others, OthersExcluded, Needed, Figures, Reasons }) => [
        [Others, OthersExcluded, Needed],
        Number(Figures!.Agreed),
        Reasons!.at(-1),
      ],
    );
  const agreed = "agreed on 60 of 60 compared paths, alone on 0";
  await builders.count();
  expect(told()).toEqual(NAMES.map(() => [[3, 0, 3], 60, agreed]));
  await builders.override({ voter: id, kind: "exclude", reason: "stolen" });
  const rest = [[2, 1, 3], 0, "not compared: 1 of 3 others is excluded, and 3 that agree are needed"];
  expect(told()).toEqual([[[3, 0, 3], 60, agreed], rest, rest, rest]);
  await builders.override({ voter: id, kind: "pardon", reason: "found again" });
  expect(told().map(([others, figures]) => [others, figures])).toEqual(NAMES.map(() => [[3, 0, 3], 60]));
});

test("proof excludes at once", async () => {
  const { open, logs, net } = await party(() => "same");
  const builders = await open();
  const fork = new FakeLog(crypto, "mars", TEST);
  fork.publish(...Array.from({ length: PACKAGES }, (_, i) => [keyOf(i), "other"] as const));
  await net.follower.convict(logs[3]!.info.id, {
    kind: "same_size",
    publicKey: logs[3]!.info.publicKey,
    first: logs[3]!.head(),
    second: fork.head(),
  });
  const standings = await standingsNow(builders);
  expect(standings[3]).toMatchObject({ standing: "excluded", cause: "proof" });
  expect(standings[3]!.reasons[0]).toMatch(/two signed heads of size 60 differ/);
});

test("the node's own log is compared too, although its claims are not in the table", async () => {
  const own = new FakeLog(crypto, "own");
  own.publish(...Array.from({ length: PACKAGES }, (_, i) => [keyOf(i), i < 40 ? "broken compiler" : "same"] as const));
  const { open } = await party(() => "same", { own: [own] });
  const standings = await standingsNow(await open());
  expect(standings.map(({ standing }) => standing)).toEqual(["good", "good", "good", "good", "excluded"]);
  expect(standings[4]!.figures).toMatchObject({ claims: 60, alone: 40 });
});

test("another answer for a key counts as dissent, once a key", async () => {
  const { open, logs } = await party(() => "same");
  const builders = await open();
  const { id } = logs[1]!.info;
  for (let i = 0; i < 30; i++) {
    const key = keyOf(i);
    await builders.addSecondAnswer(id, key, mapPath(crypto, utf8(key)));
    await builders.addSecondAnswer(id, key, mapPath(crypto, utf8(key)));
  }
  const standings = await standingsNow(builders);
  expect(standings[1]!.figures.secondAnswers).toBe(30);
  expect(standings[1]!.standing).toBe("excluded");
  expect((await standingsNow(await open()))[1]!.figures.secondAnswers).toBe(30);
});
