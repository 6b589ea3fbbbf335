/** One row of the table against the stage, and what holds for every row. */
import { ATTACKS } from "@trustix/testkit/evil";
import { expect } from "vitest";
import { decided, MAX_ANSWER, type Mode, type Place, stage, type Stage } from "./stage.ts";
import { OF_THE_YOUNG, type Row, type Seen } from "./table.ts";

/** What the system's buffers take beyond what anybody read: some megabytes a connection. */
const BUFFERS = 16 << 20;
/** A stranger's message has 1000 characters at most; the rest is ours. */
const MAX_REASON = 2500;

export function titleOf({ attacks, when, at }: Row, mode: Mode, seen: Seen): string {
  const does = attacks.map((name) => ATTACKS[name].does).join("; ");
  const kept = seen.evidence === undefined ? "" : `, with evidence: ${seen.evidence}`;
  const where = at === "alone" ? "" : ", beside the honest log";
  return `${attacks.join(" and ")} (${does})${where}, ${when}, ${mode}: ${seen.vote}, ${seen.rare} is decided${kept}`;
}

/** The stage under attack, as far as the row goes. */
export async function underAttack(
  row: Pick<Row, "attacks" | "when">,
  { mode, place }: { readonly mode: Mode; readonly place: Place },
): Promise<Stage> {
  const options = { mode, place, young: row.attacks.some((name) => OF_THE_YOUNG.has(name)) };
  if (row.when === "start") return stage({ ...options, attacks: row.attacks });
  const set = await stage(options);
  set.evil.turnOn(...row.attacks);
  set.grow("newest");
  await set.poll();
  return set;
}

/** `recovers`: once the server is honest again, so is the vote. */
export async function checkRow(row: Row, mode: Mode, recovers = false): Promise<void> {
  const seen = row[mode];
  const set = await underAttack(row, { mode, place: row.at });
  const { saturn, logs, net } = set;
  const [tool, rare] = [await set.decide("tool"), await set.decide("rare")];
  const vote = set.vote(rare, saturn);
  expect({ ...vote, digest: undefined }).toEqual({
    logId: saturn.info.id,
    outcome: seen.vote,
    digest: undefined,
    reason: expect.stringMatching(seen.why) as string,
  });
  expect([decided(tool), decided(rare)]).toEqual(["good", seen.rare]);
  expect((await set.evidence(saturn)).map(({ kind }) => kind)).toEqual(
    seen.evidence === undefined ? [] : [seen.evidence],
  );
  const place = net.log(saturn).remotes[0]!.reachability;
  if (seen.placeWhy !== undefined) expect(place).toMatchObject({ why: expect.stringMatching(seen.placeWhy) as string });
  for (const log of logs.slice(0, 3)) {
    expect(set.vote(tool, log).outcome).toBe("claims");
    expect(await set.evidence(log)).toEqual([]);
  }
  checkBounds(
    set,
    [...tool.votes, ...rare.votes].map(({ reason }) => reason),
  );
  if (recovers) await checkRecovery(set);
}

/** Who was only lied about is not remembered for it. */
async function checkRecovery(set: Stage): Promise<void> {
  set.evil.turnOff();
  set.grow("after the attack");
  // Longer than anybody is left alone for, and than a copy waits before it is tried again.
  await set.clock.advance(61_000);
  await set.poll();
  const report = await set.decide("after the attack");
  expect(decided(report)).toBe("good");
  for (const log of set.logs) expect(set.vote(report, log)).toMatchObject({ outcome: "claims", reason: "" });
}

/** Whoever is attacked reads no more than an answer may have, goes nowhere else, and shows nothing that is not text. */
export function checkBounds({ evil }: Stage, reasons: readonly string[]): void {
  expect(evil.bytesSent()).toBeLessThan(evil.asked() * (MAX_ANSWER + BUFFERS) + 1);
  expect(evil.trapped()).toBe(0);
  for (const reason of reasons) {
    expect(reason.length).toBeLessThan(MAX_REASON);
    expect(reason).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  }
}
