/** What may be published, as one table. */
import { expect, test } from "vitest";
import { publishFilter } from "../../src/spool/publish-filter.ts";
import type { PublishRules } from "../../src/spool/publish-filter.ts";

interface Case {
  readonly name: string;
  readonly rules?: PublishRules;
  readonly derivation?: string;
  readonly output?: string;
  readonly local?: boolean;
  /** Part of the reason, or `undefined`: published. */
  readonly refused: string | undefined;
}

const CASES: Case[] = [
  { name: "an ordinary package, no rules", refused: undefined },
  { name: "a local derivation, no rules", local: true, refused: "made for this machine" },
  { name: "allow that names it", rules: { allow: ["hello-*"] }, refused: undefined },
  { name: "allow that names another", rules: { allow: ["nginx-*"] }, refused: "publish.allow does not name it" },
  { name: "deny that names it", rules: { deny: ["hello-*"] }, refused: "publish.deny names it" },
  { name: "deny wins over allow", rules: { allow: ["hello-2.12"], deny: ["hello*"] }, refused: "publish.deny" },
  { name: "deny of the output's name", rules: { deny: ["*-dev"] }, output: "hello-2.12-dev", refused: "publish.deny" },
  {
    name: "deny of the derivation's name",
    rules: { deny: ["hello-2.12"] },
    output: "hello-2.12-dev",
    refused: "publish.deny",
  },
  { name: "a local one that allow names", rules: { allow: ["hello-*"] }, local: true, refused: undefined },
  { name: "a local one under a bare star", rules: { allow: ["*"] }, local: true, refused: "made for this machine" },
  ...["?*", "*-*", "**", "{*,x}", "+(*)", "[a-z]*", "@(*|x)"].map((glob) => ({
    name: `a local one under ${glob}`,
    rules: { allow: [glob] },
    local: true,
    refused: "made for this machine",
  })),
  { name: "an ordinary one under a bare star", rules: { allow: ["*"] }, refused: undefined },
  { name: "alternatives", rules: { deny: ["{hello,nginx}-*"] }, refused: "publish.deny" },
  { name: "a question mark", rules: { deny: ["hello-2.1?"] }, refused: "publish.deny" },
  { name: "a leading bang names nothing but itself", rules: { deny: ["!nginx"] }, refused: undefined },
  { name: "a leading dot is matched by a star", rules: { deny: ["*"] }, output: ".hidden", refused: "publish.deny" },
];

test.each(CASES)(
  "$name",
  ({ rules = {}, derivation = "hello-2.12", output = "hello-2.12", local = false, refused }) => {
    const why = publishFilter(rules)({ derivation, output, local });
    if (refused === undefined) expect(why).toBeUndefined();
    else expect(why).toContain(refused);
  },
);

test("an empty glob is refused when the rules are read", () => {
  expect(() => publishFilter({ deny: [""] })).toThrow(TypeError);
});
