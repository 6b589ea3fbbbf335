/** What is kept of voters survives a restart, also what came at the same time. */
import type { LogId } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { expect, test } from "vitest";
import { DossierStore } from "../../src/standing/dossier-store.ts";

const voter = "ab".repeat(32) as LogId;
const word = (n: number) => ({ voter, kind: "exclude", reason: `reason ${n}`, at: n }) as const;

test("words that the user says at the same time are all kept, in their order", async () => {
  const store = openMemoryStore();
  const dossier = await DossierStore.open(store);
  await Promise.all([1, 2, 3].map((n) => dossier.addOverride(word(n))));
  expect((await DossierStore.open(store)).overrides).toEqual([1, 2, 3].map(word));
});

test("a word that could not be written leaves no gap", async () => {
  const disk = openMemoryStore();
  const store = faultyStore(disk, 1, "fails");
  const dossier = await DossierStore.open(store);
  await expect(dossier.addOverride(word(1))).rejects.toThrow();
  store.reopen();
  await dossier.addOverride(word(2));
  expect((await DossierStore.open(disk)).overrides).toEqual([word(2)]);
});
