import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { openEmbeddedStore, openMemoryStore } from "../src/index.ts";
import { conformance } from "../src/conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "trustix-store-"));
let count = 0;

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("memory store", () => {
  for (const { name, run } of conformance(async () => openMemoryStore())) test(name, run);
});

describe("embedded store", () => {
  for (const { name, run } of conformance(() => openEmbeddedStore(join(folder, String(count++))))) test(name, run);
});
