import fc from "fast-check";
import { expect, test } from "vitest";
import { findRepeatedKey } from "../../src/config/repeated-key.ts";

test.each([
  ['{"a": 1, "a": 2}', "a", 1, 10],
  ['{"a": {"b": [1, "b", {"c": 1, "c": 2}]}}', "c", 1, 31],
  ['{"a": [{"b": 1}, {"b": 2}],\n  "x": "\\"{,:",\n  "a": 3}', "a", 3, 3],
  ['{"a": 1, "\\u0061": 2}', "a", 1, 10],
  ['{"": 1, "": 2}', "", 1, 9],
  ['{"__proto__": 1, "__proto__": 2}', "__proto__", 1, 18],
  ['[[[{"\\\\": "\\\\", "\\\\": 1}]]]', "\\", 1, 17],
])("%s has a key twice", (text, key, line, column) => {
  JSON.parse(text);
  expect(findRepeatedKey(text)).toEqual({ key, line, column });
});

test("nothing is found in what has no key twice, however it is written", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
      const once = JSON.stringify(JSON.parse(text), undefined, indent);
      expect(findRepeatedKey(once)).toBeUndefined();
    }),
  );
});

test("a key put in a second time is found, wherever the object stands", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(object, fc.nat(), fc.constantFrom("?", "[1, ?]", '{"x": [[?]], "y": 1}'), (inner, pick, outer) => {
      const keys = Object.keys(inner);
      const key = keys[pick % keys.length]!;
      const text = `${JSON.stringify(inner).slice(0, -1)}, ${JSON.stringify(key)}: 0}`;
      expect(findRepeatedKey(outer.replace("?", () => text))?.key).toBe(key);
    }),
  );
});
