/** A small store with records of every kind, each of which is damaged in every way. */
import { NIX } from "@trustix/protocol";
import { type Change, type Store, openMemoryStore } from "@trustix/storage";
import { expect } from "vitest";
import { type FsckOptions, fsck } from "../../src/fsck/fsck.ts";
import { crypto, item, items, logInfo, openTestLog } from "../publisher/test-log.ts";

export const info = logInfo(NIX);
export const options: FsckOptions = { crypto, logs: [info] };

export async function allRecords(of: Store): Promise<Change[]> {
  const records: Change[] = [];
  for await (const record of of.range(new Uint8Array(0), new Uint8Array(64).fill(255))) records.push(record);
  return records;
}

/** A lost queue record or refused claim leaves no trace, nor do other bytes in an item that nothing has been made of. */
const UNNOTICED = { flipped: ["log q"], cut: [] as string[], lost: ["log q", "log x", "log s"] };

/**
 * Small enough to damage each of its records, and yet with all of them: pages over buckets, retained heads and retired
 * ones, full and partial tiles.
 */
export async function smallStore(): Promise<Store> {
  const small = openMemoryStore();
  const { publisher } = await openTestLog(small, {
    protocol: NIX,
    limits: { retainHeads: 3, retainMs: 0 },
    map: { leavesPerSubtree: 8 },
  });
  for (let i = 0; i < 6; i++) {
    const path = item(`/nix/store/0000000000000000000000000000000${i}-x`, "value-1");
    // Few different values, so that there are few records of them.
    const claims = items(i * 50, 49).map(({ key }, n) => ({ key, value: Buffer.from(`value-${n % 9}`) }));
    await publisher.submit([...claims, path]);
    await publisher.flush();
  }
  await publisher.submit([item("key-1", "another"), ...items(5000, 3)]);
  await publisher.close();
  return small;
}

/** Each of `which` records of a log is damaged, cut and lost: fsck finds it, and nothing once all is whole again. */
export async function expectDamageFound(which: "all" | "first of its kind"): Promise<void> {
  const small = await smallStore();
  expect((await fsck(small, options))[0]).toMatchObject({ entries: 300, heads: 3, problems: [] });
  const seen = new Map<string, number>();
  const missed: string[] = [];
  for (const [key, value] of await allRecords(small)) {
    if (key[0] === 0x00) continue; // node-wide, no log's
    const kind = key[0] === 0x10 ? `log ${String.fromCharCode(key[3]!)}` : `space ${key[0]}`;
    const name = kind === "log m" ? `${kind}${String.fromCharCode(key[4]!)}` : kind;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    if (which === "first of its kind" && seen.get(name)! > 1) continue;
    const damaged = new Uint8Array(value!);
    // At another place of each record.
    damaged[(seen.get(name)! * 37) % damaged.length]! ^= 1;
    const cut = value!.slice(0, -1);
    for (const [how, change] of [
      ["flipped", damaged],
      ["cut", cut],
      ["lost", undefined],
    ] as const) {
      if (UNNOTICED[how].includes(kind)) continue;
      await small.write([[key, change]]);
      const [report] = await fsck(small, options);
      if (report!.problemCount === 0) missed.push(`${how}: ${name} ${Buffer.from(key).toString("hex")}`);
    }
    await small.write([[key, value]]);
  }
  expect(missed).toEqual([]);
  expect([...seen.keys()].sort()).toEqual(
    ["b", "d", "h", "mb", "mg", "mp", "p", "q", "r", "s", "t", "x"]
      .map((kind) => `log ${kind}`)
      .concat("space 1", "space 32")
      .sort(),
  );
  expect(seen.get("log mp")).toBeGreaterThan(10);
  expect((await fsck(small, options))[0]!.problems).toEqual([]);
}
