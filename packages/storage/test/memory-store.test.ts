import fc from "fast-check";
import { expect, test } from "vitest";
import { type Change, openMemoryStore } from "../src/index.ts";

const runs = 60 * Number(process.env["SLOW"] ?? 1);

test("any sequence of batches leaves what a plain map would hold, and snapshots keep what they saw", async () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 2 });
  const change = fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 400 }), { maxLength: 6 }), async (batches) => {
      const store = openMemoryStore();
      const model = new Map<string, string>();
      const seen: { snapshot: ReturnType<typeof store.snapshot>; expected: string[][] }[] = [];
      for (const batch of batches as Change[][]) {
        await store.write(batch);
        for (const [k, v] of batch)
          if (v === undefined) model.delete(hex(k));
          else model.set(hex(k), hex(v));
        seen.push({ snapshot: store.snapshot(), expected: [...model].toSorted(([a], [b]) => (a < b ? -1 : 1)) });
      }
      for (const { snapshot, expected } of seen) {
        const found: string[][] = [];
        for await (const [k, v] of snapshot.range(new Uint8Array(0), new Uint8Array(3).fill(255)))
          found.push([hex(k), hex(v)]);
        expect(found).toEqual(expected);
      }
    }),
    { numRuns: runs },
  );
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
