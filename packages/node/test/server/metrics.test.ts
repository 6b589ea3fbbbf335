/** What a Prometheus sees of copies and of voters. */
import { POLICY_DEFAULTS, Tally, DEFAULT_STANDING_BOUNDS, standingsOf, type Policy } from "@trustix/decider";
import { NIX, type LogId } from "@trustix/protocol";
import { FakeClock, FakeLog } from "@trustix/testkit";
import { expect, test } from "vitest";
import type { FollowedLog, MirrorStatus } from "../../src/model.ts";
import { ServerMetrics } from "../../src/server/metrics.ts";
import type { MeasuredParts } from "../../src/server/parts.ts";
import { NO_MIRROR, NO_STANDING } from "../idle-parts.ts";
import { crypto } from "../subscriber/network.ts";

const clock = new FakeClock();
const mercury = new FakeLog(crypto, "mercury", NIX);
const venus = new FakeLog(crypto, "venus", NIX);

const COPY: MirrorStatus = {
  served: undefined,
  servedAt: undefined,
  entries: 0,
  valued: 0,
  missing: 0,
  target: 10,
  behindSince: undefined,
  rate: 0,
  why: undefined,
  isWrong: false,
  isLie: false,
};

const followed = (log: FakeLog, name: string): FollowedLog => ({
  info: log.info,
  name,
  head: undefined,
  headSeenAt: undefined,
  against: undefined,
  remotes: [],
});

/** The lines of `/metrics` whose names begin so, without comments. */
async function lines(start: string, change: Partial<MeasuredParts>): Promise<string[]> {
  const parts: MeasuredParts = {
    published: new Map(),
    follower: { logs: () => [] },
    mirror: NO_MIRROR,
    builders: NO_STANDING,
    policies: [],
    clock,
    ...change,
  };
  const text = await new ServerMetrics(parts, () => 0).registry.metrics();
  return text.split("\n").filter((line) => line.startsWith(start));
}

test("a copy is measured while it is made, held up, and when its log lies", async () => {
  const states = new Map<LogId, MirrorStatus>();
  const follower = { logs: () => [followed(mercury, "mercury"), followed(venus, "venus")] };
  const mirror = { ...NO_MIRROR, status: (id: LogId) => states.get(id) };
  expect(await lines("trustix_copy", { follower, mirror })).toEqual([]);
  states.set(mercury.info.id, { ...COPY, entries: 7, valued: 5, missing: 2, rate: 3, behindSince: clock.now() - 4000 });
  expect(await lines("trustix_copy", { follower, mirror })).toEqual([
    'trustix_copy_entries{log="mercury"} 7',
    'trustix_copy_behind_seconds{log="mercury"} 4',
    'trustix_copy_entries_per_second{log="mercury"} 3',
    'trustix_copy_values{log="mercury"} 5',
    'trustix_copy_missing_values{log="mercury"} 2',
    'trustix_copy_held_up{log="mercury"} 0',
    'trustix_copy_lie{log="mercury"} 0',
  ]);
  states.set(mercury.info.id, { ...COPY, served: mercury.head(), valued: undefined, why: "nobody is there" });
  const heldUp = await lines("trustix_copy", { follower, mirror });
  expect(heldUp).toContain('trustix_copy_held_up{log="mercury"} 1');
  expect(heldUp).toContain('trustix_copy_served_tree_size{log="mercury"} 0');
  expect(heldUp.join()).not.toContain("trustix_copy_values");
  states.set(mercury.info.id, { ...COPY, why: "its map is another", isLie: true });
  const lying = await lines("trustix_copy", { follower, mirror });
  expect(lying).toContain('trustix_copy_lie{log="mercury"} 1');
  expect(lying).toContain('trustix_copy_held_up{log="mercury"} 0');
});

test("voters are measured by the names of the policy", async () => {
  const voter = { logId: mercury.info.id, name: "mercury", operator: undefined };
  const policy: Policy = { ...POLICY_DEFAULTS, protocol: NIX, rules: [], voters: [voter] };
  const dossier = { proofs: [], secondAnswers: [], exclusions: [], overrides: [] };
  const options = { voters: [voter], dossier, bounds: DEFAULT_STANDING_BOUNDS, now: clock.now() };
  const tally = new Tally(options);
  tally.add("/nix/store/x", [{ voter: voter.logId, opinion: new Uint8Array(32), firstSeen: clock.now() }]);
  const standings = standingsOf({ ...options, figures: tally.figures() });
  const builders = { ...NO_STANDING, standings: () => standings };
  const of = 'builder="mercury",protocol="nix"';
  expect(await lines("trustix_builder", { builders, policies: [policy] })).toEqual([
    `trustix_builder_standing{${of},standing="good"} 1`,
    `trustix_builder_standing{${of},standing="suspect"} 0`,
    `trustix_builder_standing{${of},standing="excluded"} 0`,
    `trustix_builder_claims{${of},kind="agreed"} 0`,
    `trustix_builder_claims{${of},kind="alone"} 0`,
    `trustix_builder_claims{${of},kind="split"} 0`,
    `trustix_builder_claims{${of},kind="scattered"} 0`,
    `trustix_builder_claims{${of},kind="few"} 0`,
    `trustix_builder_claims{${of},kind="single"} 1`,
    `trustix_builder_second_answers{${of}} 0`,
  ]);
});
