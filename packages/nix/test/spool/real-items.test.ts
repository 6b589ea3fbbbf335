/** Items that the hook wrote under Nix 2.8.0 and 2.26.3 for the same packages (`fixtures/`), as they are and damaged. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeItem } from "../../src/spool/judge-item.ts";
import type { Verdict } from "../../src/spool/judge-item.ts";
import { publishFilter } from "../../src/spool/publish-filter.ts";

const FOLDER = join(import.meta.dirname, "fixtures");
const items = readdirSync(FOLDER).map((name) => ({ name, bytes: readFileSync(join(FOLDER, name)) }));
const filter = publishFilter({});
const runs = 300 * Number(process.env["SLOW"] ?? 1);

const nameIn = (path: string) => path.slice("/nix/store/".length + 33);
const claimed = (verdict: Verdict) =>
  verdict.kind === "publish" ? verdict.claims.map((claim) => Buffer.from(claim.value).toString()).sort() : [];
const find = (part: string) => {
  const found = items.filter(({ name }) => name.includes(part));
  expect(found).toHaveLength(2);
  return found.map(({ bytes }) => judgeItem(bytes, filter));
};

describe("what each Nix noted", () => {
  test.each([
    ["rocket", ["rocket-1.0"]],
    ["engine", ["engine-2.1", "engine-2.1-dev", "engine-2.1-doc"]],
    ["fuel", ["fuel-98"]],
    ["escapes", ["escapes"]],
  ])("%s is the same claims from both", (name, outputs) => {
    const [newer, older] = find(name);
    expect(claimed(newer!)).toEqual(claimed(older!));
    expect(
      claimed(newer!)
        .map((value) => nameIn((JSON.parse(value) as { path: string }).path))
        .sort(),
    ).toEqual(outputs);
  });

  test.each(["mission-plan", "crew-list"])("%s stays private", (name) => {
    for (const verdict of find(name)) {
      expect(verdict).toMatchObject({ kind: "skip", why: expect.stringContaining("made for this machine") });
    }
  });

  test("a floating derivation is skipped where Nix did not tell its output, and claimed where it did", () => {
    const [newer, older] = find("floating");
    expect(older).toMatchObject({ kind: "skip", why: expect.stringContaining("content-addressed") });
    expect(claimed(newer!)).toHaveLength(1);
  });

  test("references are full paths, sorted, the path itself among them where it refers to itself", () => {
    const [verdict] = find("rocket");
    const { references } = JSON.parse(claimed(verdict!)[0]!) as { references: string[] };
    expect(references.map(nameIn).sort()).toEqual(["engine-2.1", "fuel-98", "rocket-1.0"]);
    expect(references).toEqual([...references].sort());
  });
});

test("a damaged item is judged without a crash, and claims only paths that it names as outputs", () => {
  const anyItem = fc.constantFrom(...items.map(({ bytes }) => bytes));
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyItem, damage, (bytes, changes) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      const verdict = judgeItem(copy, filter);
      if (verdict.kind !== "publish") return;
      const text = Buffer.from(copy).toString("latin1");
      for (const { path } of verdict.claims) expect(text).toContain(`\nout ${path}\n`);
    }),
    { numRuns: runs },
  );
});

test("an item cut off anywhere is never claimed", () => {
  for (const { bytes } of items) {
    for (let length = 0; length < bytes.length; length += 7) {
      expect(judgeItem(bytes.subarray(0, length), filter).kind).toBe("bad");
    }
  }
});
