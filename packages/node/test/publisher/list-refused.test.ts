/** Refused claims page by page: all of them come, each once, however many and however large. */
import { openMemoryStore } from "@trustix/storage";
import { expect, test } from "vitest";
import type { RefusedClaim } from "../../src/model.ts";
import { item, items, openTestLog, type TestLog } from "./test-log.ts";

interface Listed {
  readonly claims: readonly RefusedClaim[];
  readonly pages: readonly number[];
}

async function listAll({ publisher }: TestLog): Promise<Listed> {
  const claims: RefusedClaim[] = [];
  const pages: number[] = [];
  let next: Uint8Array | undefined;
  do {
    const page = await publisher.refused(next);
    claims.push(...page.claims);
    pages.push(page.claims.length);
    next = page.next;
  } while (next !== undefined);
  return { claims, pages };
}

const keysOf = (claims: readonly RefusedClaim[]): string[] => claims.map(({ key }) => Buffer.from(key).toString());

test("more claims than fit a page: none is left out, those of one key are together", async () => {
  const log = await openTestLog(openMemoryStore());
  await log.publisher.submit(items(0, 12_000));
  for (const value of ["x", "y"])
    await log.publisher.submit(items(0, 6000).map(({ key }) => ({ key, value: Buffer.from(value) })));
  const { claims, pages } = await listAll(log);
  expect(pages).toEqual(Array.from({ length: 12 }, () => 1000));
  const keys = keysOf(claims);
  expect(keys.filter((key, i) => key === keys[i - 1]).length).toBe(6000);
  expect(new Set(keys)).toEqual(new Set(keysOf(items(0, 6000) as RefusedClaim[])));
});

test("claims with the largest values: a page has few of them, and never none", async () => {
  const log = await openTestLog(openMemoryStore());
  await log.publisher.submit(items(0, 20));
  const large = "v".repeat(1 << 20);
  for (let i = 0; i < 20; i++) await log.publisher.submit([item(`key-${i}`, large)]);
  const { claims, pages } = await listAll(log);
  expect(pages).toEqual(Array.from({ length: 20 }, () => 1));
  expect(new Set(keysOf(claims)).size).toBe(20);
  expect(claims.every(({ value }) => value.length === 1 << 20)).toBe(true);
});

test("a log without refused claims has one empty page, and a place that is none is refused", async () => {
  const { publisher } = await openTestLog(openMemoryStore());
  expect(await publisher.refused()).toEqual({ claims: [], next: undefined });
  await expect(publisher.refused(new Uint8Array(63))).rejects.toMatchObject({ code: "invalid_argument" });
  expect(await publisher.refused(new Uint8Array(64).fill(255))).toEqual({ claims: [], next: undefined });
});
