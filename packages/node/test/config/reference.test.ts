import fc from "fast-check";
import { expect, test } from "vitest";
import type { z } from "zod";
import { nodeOf } from "../../src/config/match-keys.ts";
import { configSchema } from "../../src/config/schema.ts";
import { configReference } from "../../src/config/index.ts";
import { slips } from "../../src/config/nearest.ts";
import { NodeError } from "../../src/errors.ts";
import { load } from "./files.ts";

test("every key is in the reference once, with a description and what is wanted", () => {
  const reference = configReference();
  const keys = reference.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  for (const entry of reference) {
    expect(entry.description, entry.key).toMatch(/\.$/);
    expect(entry.type, entry.key).not.toBe("");
  }
  expect(keys).toEqual(
    expect.arrayContaining([
      "publishers[].publicKey.key",
      "signers.NAME.ed25519.private-key-path",
      'decider."PROTOCOL"[].quorum.threshold',
      'decider."PROTOCOL"[].quorum.groups[].voters',
      'policy."PROTOCOL".exceptions[].expires',
      "limits.value-bytes",
      "listeners[].allow-replayable-tokens",
      "flush.interval",
      "ca-file",
      "head-marker",
    ]),
  );
  // Groups lie in groups: the page says so once.
  expect(keys.filter((key) => key.includes("groups[].groups"))).toEqual([
    'decider."PROTOCOL"[].quorum.groups[].groups',
  ]);
  expect(reference.find(({ key }) => key === "flush.items")).toMatchObject({ default: "10000", required: false });
  expect(reference.find(({ key }) => key === "publishers[].signer")).toMatchObject({ required: true });
  expect(reference.find(({ key }) => key === "limits.value-bytes")).toMatchObject({ default: "1048576" });
});

test("no key of the schema is left without words", () => {
  const check = (schema: z.ZodType, path: string): void => {
    const node = nodeOf(schema);
    if (node.kind === "list") check(node.item, `${path}[]`);
    if (node.kind === "record") check(node.value, `${path}.*`);
    if (node.kind !== "object") return;
    for (const [key, inner] of Object.entries(node.shape)) {
      expect(inner.meta(), `${path}.${key}`).toMatchObject({
        wanted: expect.any(String),
        description: expect.any(String),
      });
      check(inner, `${path}.${key}`);
    }
  };
  check(configSchema, "");
});

test("slips are counted as a typist makes them", () => {
  const table: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["items", "items", 0],
    ["item", "items", 1],
    ["itmes", "items", 1],
    ["saturn", "satrun", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, wanted] of table) expect([a, b, slips(a, b)]).toEqual([a, b, wanted]);
});

test("no JSON is accepted by accident or ends in anything but a clear refusal", async () => {
  const runs = 150 * Number(process.env["SLOW"] ?? 1);
  const keys = fc.constantFrom(
    "storage",
    "publishers",
    "signers",
    "decider",
    "remotes",
    "limits",
    "flush",
    "type",
    "a",
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
      fc.array(tie("value"), { maxLength: 3 }),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(keys, value, { maxKeys: 4 }), async (content) => {
      try {
        const config = await load("", { "/etc/trustix/c.json": JSON.stringify(content) });
        expect(config.publishers).toEqual([]);
      } catch (error) {
        expect(error).toBeInstanceOf(NodeError);
        expect((error as NodeError).message).toMatch(/^\/etc\/trustix\/c\.json/);
      }
    }),
    { numRuns: runs },
  );
});
