/** Items and facts are hostile: a whole one is read, everything else is refused with the place. */
import fc from "fast-check";
import { NixFormatError } from "@trustix/nix-formats";
import { describe, expect, test } from "vitest";
import { parseDumpDb } from "../../src/spool/dump-db.ts";
import { MAX_ITEM_BYTES, parseSpoolItem } from "../../src/spool/spool-item.ts";
import { DRV, HASH_HEX, itemText, OUT } from "./items.ts";

const runs = 200 * Number(process.env["SLOW"] ?? 1);

test("a whole item is read", () => {
  const item = parseSpoolItem(Buffer.from(itemText()));
  expect(item).toMatchObject({ drvPath: DRV, outputs: [OUT] });
  expect(item.facts).toEqual([{ path: OUT, narHash: new Uint8Array(32).fill(0xab), narSize: 696, references: [] }]);
});

test("a derivation may hold lines that look like the item's own", () => {
  const derivation = "Derive(\nderivation\nfacts\nend\n\nend\n)";
  expect(Buffer.from(parseSpoolItem(Buffer.from(itemText({ derivation }))).derivation).toString()).toBe(derivation);
});

describe("what is no item is refused with what is wrong", () => {
  const whole = itemText();
  const table: [string, string, string][] = [
    ["an empty file", "", "no line `derivation`"],
    ["one cut off in its head", whole.slice(0, 60), "no line `derivation`"],
    ["one cut off in the derivation", whole.slice(0, -20), "does not end in `end`"],
    ["one cut off before its last newline", whole.slice(0, -1), "does not end in `end`"],
    ["another version", whole.replace("trustix-spool 1", "trustix-spool 2"), "starts with"],
    ["no derivation path", whole.replace(`drv ${DRV}`, "drv "), "second line"],
    ["a derivation path that is none", whole.replace(".drv\n", ".txt\n"), "second line"],
    ["a derivation path outside the store", whole.replace(`drv ${DRV}`, "drv /etc/x.drv"), "a path below /nix/store"],
    ["an output that is a path inside the store", whole.replace(`out ${OUT}`, `out ${OUT}/bin`), "letters, digits"],
    ["no facts line", whole.replace("\nfacts\n", "\n"), "is not `facts`"],
    ["facts without a hash", whole.replace(`${HASH_HEX}\n`, ""), "64 hex digits"],
    ["too many outputs", itemText({ outputs: Array<string>(1001).fill(OUT) }), "more than 1000 outputs"],
  ];
  test.each(table)("%s", (_name, text, says) => {
    expect(() => parseSpoolItem(Buffer.from(text))).toThrow(says);
  });
});

describe("facts", () => {
  const record = `${OUT}\n${HASH_HEX}\n696\n\n`;
  test("several records, with and without references and deriver", () => {
    const text = `${OUT}\n${HASH_HEX}\n1\n${DRV}\n2\n${OUT}\n${DRV}\n${OUT}-dev\n${HASH_HEX}\n2\n\n0`;
    const facts = parseDumpDb(text);
    expect(facts.map(({ path, narSize, references }) => ({ path, narSize, references }))).toEqual([
      { path: OUT, narSize: 1, references: [OUT, DRV] },
      { path: `${OUT}-dev`, narSize: 2, references: [] },
    ]);
  });
  const table: [string, string, string][] = [
    ["a count with a sign", `${record}-1`, "a number of references"],
    ["a count that is huge", `${record}99999999`, "of at most 20000"],
    ["a count beyond the lines", `${record}3\n${OUT}`, "ended at line"],
    ["a reference that is no path", `${record}1\nnowhere`, "a reference wanted"],
    ["a size over 2^53", `${OUT}\n${HASH_HEX}\n9999999999999999\n\n0`, "a NAR size"],
    ["a hash in capitals", `${OUT}\n${HASH_HEX.toUpperCase()}\n1\n\n0`, "64 hex digits"],
    ["a deriver that is no path", `${OUT}\n${HASH_HEX}\n1\nme\n0`, "a deriver wanted"],
    ["a blank line between records", `${record}0\n\n${record}0`, "a store path wanted"],
  ];
  test.each(table)("%s is refused", (_name, text, says) => expect(() => parseDumpDb(text)).toThrow(says));
});

test("no bytes whatever do more than be refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (noise, at) => {
      const whole = Buffer.from(itemText());
      const cut = at % whole.length;
      const mixed = Buffer.concat([whole.subarray(0, cut), noise, whole.subarray(cut)]);
      try {
        expect(parseSpoolItem(mixed).drvPath).toMatch(/^\/.+\.drv$/);
      } catch (error) {
        expect(error instanceof SyntaxError || error instanceof NixFormatError).toBe(true);
      }
    }),
    { numRuns: runs },
  );
});

test("refusing a large hostile item costs no more than reading it", () => {
  const lines = Buffer.alloc(MAX_ITEM_BYTES, "out /\n");
  const started = performance.now();
  expect(() => parseSpoolItem(lines)).toThrow(SyntaxError);
  expect(performance.now() - started).toBeLessThan(1000);
});
