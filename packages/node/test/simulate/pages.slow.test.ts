/** A simulation that takes many pages is that of one. */
import { expect, test } from "vitest";
import type { SimulatedPage } from "../../src/model.ts";
import { party, signal, textOf } from "./simulations.ts";

test("pages go on where the one before ended, however short they are", async () => {
  const { pagesOf, simulate } = await party({ count: 1200 });
  const whole = await pagesOf({ each: true });
  const short = await pagesOf({ each: true, maxBytes: 1 });
  expect(short.length).toBeGreaterThan(3);
  const texts = (pages: readonly SimulatedPage[]): string[] => pages.flatMap(({ paths }) => paths.map(textOf));
  expect(texts(short)).toEqual(texts(whole));
  const done = short.map((page) => page.done);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(done.at(-1)).toBe(1);
  for (const after of [new Uint8Array(3), Uint8Array.of(7, ...new Uint8Array(32)), new Uint8Array(0)])
    await expect(
      simulate.page({ protocol: "nix", policy: undefined, each: false, maxBytes: 1, after }, signal),
    ).rejects.toMatchObject({ code: "invalid_argument" });
});
