/** Proofs that are kept: only what convicts, durably, each once, so many against one key. */
import type { Evidence } from "@trustix/client";
import { writeEvidence } from "@trustix/client";
import { toHex, utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import type { Store } from "@trustix/storage";
import { FakeClock, FakeLog, evidenceExamples, narInfo } from "@trustix/testkit";
import { expect, test } from "vitest";
import { openEvidence } from "../../src/evidence/index.ts";
import type { EvidenceStore, KeptEvidence } from "../../src/model.ts";

const crypto = nodeCrypto();
const examples = evidenceExamples(crypto, "saturn").map(({ evidence }) => evidence);
const [sameSize] = examples as [Evidence & { kind: "same_size" }];
const { publicKey } = sameSize;

interface Shelf {
  readonly evidence: EvidenceStore;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly told: KeptEvidence[];
}

function shelf(store: Store = openMemoryStore(), configured = [publicKey]): Shelf {
  const isConfigured = (key: Uint8Array): boolean => configured.some((one) => toHex(one) === toHex(key));
  const clock = new FakeClock(1_700_000_000_000);
  const evidence = openEvidence({ store, crypto, clock, isConfigured });
  const told: KeptEvidence[] = [];
  evidence.onKept((kept) => told.push(kept));
  return { evidence, store, clock, told };
}

async function all(evidence: EvidenceStore): Promise<KeptEvidence[]> {
  const found: KeptEvidence[] = [];
  for (let after: Uint8Array | undefined; ;) {
    const { items, next } = await evidence.list(after);
    found.push(...items);
    if (next === undefined) return found;
    after = next;
  }
}

/** A head of one size that differs from the others. */
function anotherOfSize(n: number): Evidence {
  const log = new FakeLog(crypto, "saturn");
  for (let i = 0; i < 3; i++) log.publish([`a${i}`, "a"]);
  const second = log.sign({ ...log.head(), logRoot: new Uint8Array(32).fill(n) });
  return { publicKey, kind: "same_size", first: log.heads[3]!, second };
}

test("every kind is kept, and handed on as the file that its id names, also after a restart", async () => {
  const { evidence, store } = shelf();
  for (const one of examples) await evidence.keep(one, "found");
  const again = shelf(store).evidence;
  const kept = await all(again);
  // Of those that are about the same entry, the first: one proof of a subject is enough.
  expect(kept.map((one) => one.evidence.kind)).toEqual([
    "same_size",
    "map_heads_missing",
    ...Array(3).fill("log_rewritten"),
    "map_heads_rewritten",
    ...Array(2).fill("map_root"),
    "map_entry_differs",
    "key_twice",
    "key_missing_in_map",
    "cache_key_signed_two",
  ]);
  for (const { id, evidence: one, bytes, time, origin } of kept) {
    const file = (await again.file(id))!;
    expect(toHex(crypto.sha256(file))).toBe(id);
    expect(file).toEqual(writeEvidence(one));
    expect({ bytes, time, origin }).toEqual({ bytes: file.length, time: 1_700_000_000_000, origin: "found" });
  }
  expect(await again.against(publicKey)).toEqual(kept);
  expect(await again.against(new FakeLog(crypto, "venus").info.publicKey)).toEqual([]);
  expect(await again.file("00".repeat(32))).toBeUndefined();
});

test("what does not convict is not kept, whoever brings it", async () => {
  const { evidence, told } = shelf();
  const agree = { ...sameSize, second: sameSize.first };
  const forged = { ...sameSize, second: { ...sameSize.second, logRoot: new Uint8Array(32) } };
  for (const one of [agree, forged]) {
    await expect(evidence.keep(one, "found")).rejects.toMatchObject({ code: "unverifiable" });
    await expect(evidence.import(writeEvidence(one))).rejects.toMatchObject({ code: "unverifiable" });
  }
  await expect(evidence.import(utf8("hello"))).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(evidence.import(new Uint8Array(1 << 20))).rejects.toMatchObject({ code: "invalid_argument" });
  expect(await all(evidence)).toEqual([]);
  expect(told).toEqual([]);
});

test("evidence that is brought must accuse a key that is configured here", async () => {
  const { evidence } = shelf(openMemoryStore(), []);
  await expect(evidence.import(writeEvidence(sameSize))).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("nobody is configured here with the accused key") as string,
  });
  const known = shelf();
  const { id, outcome } = await known.evidence.import(writeEvidence(sameSize));
  expect(outcome).toBe("kept");
  expect(await all(known.evidence)).toMatchObject([{ id, origin: "imported" }]);
});

test("a proof is kept once and told of once, however often and by whom it is brought", async () => {
  const { evidence, told } = shelf();
  const file = writeEvidence(sameSize);
  const outcomes = await Promise.all([
    evidence.keep(sameSize, "found"),
    evidence.import(file),
    evidence.keep(sameSize, "found"),
  ]);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(["kept", "known", "known"]);
  expect(new Set(outcomes.map(({ id }) => id))).toEqual(new Set([toHex(crypto.sha256(file))]));
  expect(told).toMatchObject([{ origin: "found" }]);
});

test("one proof about an entry or a store path is enough, whatever else proves it", async () => {
  const { evidence } = shelf();
  const [first, second] = examples.filter(({ kind }) => kind === "map_entry_differs");
  const { id } = await evidence.keep(first!, "found");
  expect(await evidence.keep(second!, "found")).toMatchObject({ id, outcome: "known" });
  const answers = (one: string, other: string): Evidence => ({
    publicKey,
    kind: "cache_key_signed_two",
    narInfos: [narInfo(crypto, "saturn", one), narInfo(crypto, "saturn", other)],
  });
  await evidence.keep(answers("a", "b"), "found");
  expect((await evidence.keep(answers("a", "c"), "found")).outcome).toBe("known");
});

test("so many of a kind are kept against a log's key, the first ones and the last", async () => {
  const { evidence, clock } = shelf();
  const ids: string[] = [];
  for (let n = 1; n <= 10; n++) {
    await clock.advance(1000);
    const { id, outcome, time } = await evidence.keep(anotherOfSize(n), "found");
    expect({ outcome, time }).toEqual({ outcome: "kept", time: clock.now() });
    ids.push(id);
  }
  expect((await all(evidence)).map(({ id }) => id).sort()).toEqual([...ids.slice(0, 7), ids[9]!].sort());
  await clock.advance(1000);
  expect(await evidence.keep(anotherOfSize(1), "found")).toMatchObject({
    outcome: "known",
    time: clock.now() - 10_000,
  });
});

test("so many are kept against a cache's key, one a store path, the first ones", async () => {
  const { evidence, told } = shelf();
  const outcomes: string[] = [];
  for (let n = 0; n <= 101; n++) {
    const [one, other] = ["one", "other"].map((content) => narInfo(crypto, "saturn", content, `package-${n}`));
    const two: Evidence = { publicKey, kind: "cache_key_signed_two", narInfos: [one!, other!] };
    outcomes.push((await evidence.keep(two, "found")).outcome);
  }
  expect(outcomes.filter((outcome) => outcome === "kept")).toHaveLength(100);
  expect(outcomes.slice(-2)).toEqual(["enough", "enough"]);
  expect((await all(evidence)).map(({ id }) => id).sort()).toEqual(told.map(({ id }) => id).sort());
  // Another kind has room of its own, another key too.
  expect(
    (
      await evidence.keep(
        examples.find(({ kind }) => kind === "key_twice")!,
        "found",
      )
    ).outcome,
  ).toBe("kept");
  const venus = evidenceExamples(crypto, "venus")[0]!.evidence;
  expect((await evidence.keep(venus, "found")).outcome).toBe("kept");
});

test.each(["fails", "fails after persisting"] as const)(
  "nobody is told of a proof whose write %s; the next attempt keeps it or finds it",
  async (kind) => {
    const store = faultyStore(openMemoryStore(), 1, kind);
    const { evidence, told } = shelf(store);
    await expect(evidence.keep(sameSize, "found")).rejects.toThrow("write 1");
    expect(told).toEqual([]);
    store.reopen();
    await evidence.keep(sameSize, "found");
    expect(await evidence.against(publicKey)).toHaveLength(1);
  },
);

test("a record that is not what was kept is corrupt, and names its key", async () => {
  const { evidence, store } = shelf();
  await evidence.keep(sameSize, "found");
  for await (const [key, record] of store.range(Uint8Array.of(0x70), Uint8Array.of(0x71))) {
    await store.write([[key, record.with(record.length - 10, record.at(-10)! ^ 1)]]);
    await expect(evidence.against(publicKey)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(toHex(key)) as string,
    });
  }
});
