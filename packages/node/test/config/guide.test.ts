/** What the guide tells people to write is what the node takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { load } from "./files.ts";

const page = readFileSync(join(import.meta.dirname, "../../../../docs/guide/caches.md"), "utf8");
const blocks = [...page.matchAll(/^```toml\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);

test("the guide's three caches are ten lines, three voters and a quorum of two, without a warning", async () => {
  expect(blocks).toHaveLength(1);
  expect(blocks[0]!.trim().split("\n").length).toBeLessThanOrEqual(10);
  const { voters, deciders, warnings } = await load(blocks[0]!);
  expect(voters.map(({ name }) => name)).toEqual(["cache.nixos.org-1", "cache.example.org-1", "nix.example.net-1"]);
  expect(deciders[0]!.rules).toEqual([{ engine: "quorum", threshold: 2, voters: undefined }]);
  expect(deciders[0]!.voters.map(({ logId }) => logId)).toEqual(voters.map(({ info }) => info.id));
  expect(warnings).toEqual([]);
});

test.each(['mirrors = ["https://mirror.example"]', 'operator = "NAME"', "count-copies = true"])(
  "what the guide names besides is a key of a voter: %s",
  async (line) => {
    const field = line.split(" = ")[0]!;
    expect(page).toContain(field);
    const text = blocks[0]!.replace('kind = "binary-cache"', `${line}, kind = "binary-cache"`);
    expect((await load(text)).voters).toHaveLength(3);
  },
);
