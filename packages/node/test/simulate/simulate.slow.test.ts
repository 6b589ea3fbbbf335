/** A policy over everything that is claimed: what it would decide is what it does decide, path by path. */
import { create } from "@bufbuild/protobuf";
import { toHex } from "@trustix/crypto";
import { policyToJson, type Policy } from "@trustix/decider";
import { NIX, TEST } from "@trustix/protocol";
import { type SimulateRequest, SimulateRequestSchema } from "@trustix/proto";
import { FakeLog } from "@trustix/testkit";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import type { SimulatedPage } from "../../src/model.ts";
import { simulateResponse } from "../../src/server/simulate-response.ts";
import { crypto } from "../subscriber/network.ts";
import { keysOf, party, PATHS, signal, textOf } from "./simulations.ts";

function changesOf(pages: readonly SimulatedPage[]): Record<string, number> {
  const changes: Record<string, number> = {};
  for (const { groups } of pages)
    for (const { count, example } of groups) changes[example.change] = (changes[example.change] ?? 0) + count;
  return changes;
}

test.each([
  ["a smaller threshold", [{ engine: "quorum", threshold: 2, voters: undefined }], {}],
  ["a larger one", [{ engine: "quorum", threshold: 5, voters: undefined }], {}],
  ["the most", [{ engine: "percentage", minimum: 20 }], {}],
  ["groups, weights", [], { groups: true }],
  ["an exception", [{ engine: "quorum", threshold: 3, voters: undefined }], { exceptions: true }],
  ["a function", [{ engine: "javascript", source: "(claims) => claims.length > 1 ? claims[1].Value : undefined" }], {}],
  ["one operator", [{ engine: "quorum", threshold: 2, voters: undefined }], { operators: true }],
] as const)("%s: each path comes once, and as it is decided", async (_, rules, what) => {
  const { pagesOf, decideBy, current, policyOf, ids } = await party();
  const { mercury, venus, saturn, mars, self } = ids;
  const groups = [
    { threshold: 2, voters: [mercury, venus, saturn], weights: { [mercury]: 2 } },
    { threshold: 1, voters: [mars, self] },
  ];
  const exceptions = [
    { match: "package-3-*", reason: "it never fits", expires: 4e12, voters: [saturn, self], threshold: 1 },
    { match: "package-4-*", reason: "it did not fit", expires: 1, voters: [mercury], threshold: 1 },
  ];
  const tried = policyOf("groups" in what ? [{ engine: "quorum", threshold: 2, voters: undefined, groups }] : rules, {
    ...("exceptions" in what && { exceptions }),
    ...("operators" in what && { voters: current.voters.map((voter) => ({ ...voter, operator: "acme" })) }),
  });
  const pages = await pagesOf({ policy: tried, each: true });
  const paths = pages.flatMap((page) => page.paths);
  expect(paths.map(textOf).toSorted()).toEqual(keysOf(PATHS));
  for (const path of paths.filter((_one, i) => i % 7 === 0)) {
    const [now, wanted] = [await decideBy(current, path.key!), await decideBy(tried, path.key!)];
    for (const [seen, real] of [
      [path.now, now],
      [path.tried, wanted],
    ] as const) {
      expect(seen.decision && toHex(seen.decision.digest)).toBe(real.decision && toHex(real.decision.digest));
      expect([seen.conflict, seen.reason]).toEqual([real.conflict, real.reason]);
    }
  }
  // The groups count the same, and their examples are of their kind.
  const grouped = await pagesOf({ policy: tried });
  expect(changesOf(grouped)).toEqual(
    Object.fromEntries(
      Map.groupBy(paths, ({ change }) => change)
        .entries()
        .map(([change, some]) => [change, some.length]),
    ),
  );
  expect(grouped.reduce((sum, { count }) => sum + count, 0)).toBe(keysOf(PATHS).length);
  for (const { example } of grouped.flatMap((page) => page.groups)) {
    const same = paths.find((path) => textOf(path) === textOf(example))!;
    expect([example.now.reason, example.tried.reason]).toEqual([same.now.reason, same.tried.reason]);
  }
});

test("without another policy nothing changes, and what is undecided says why", async () => {
  const { pagesOf } = await party();
  const [page, more] = await pagesOf({});
  expect(more).toBeUndefined();
  expect(Object.keys(changesOf([page!])).toSorted()).toEqual(["same", "still-undecided"]);
  expect(page!.groups.every(({ example }) => example.now === example.tried)).toBe(true);
  expect(page!.done).toBe(1);
  expect(page!.voters).toMatchObject(
    ["mars", "mercury", "own", "saturn", "venus"].map((name) => ({ voter: { name }, known: "all" })),
  );
});

test("an excluded voter counts in N and claims nothing; one that nobody knows is named", async () => {
  const saturn = new FakeLog(crypto, "saturn", NIX).info.id;
  const { pagesOf, current } = await party({ excluded: (id) => (id === saturn ? "it stood alone" : undefined) });
  const stranger = new FakeLog(crypto, "stranger", NIX).info.id;
  const tried = { ...current, voters: [...current.voters, { logId: stranger, name: "stranger" }] };
  const pages = await pagesOf({ policy: tried });
  const voters = Object.fromEntries(pages[0]!.voters.map((one) => [one.voter.name, one]));
  expect(voters["saturn"]).toMatchObject({ known: "all", why: "it is excluded: it stood alone" });
  expect(voters["saturn"]!.claims).toBe(96);
  expect(voters["stranger"]).toMatchObject({ known: "nothing", why: "this node does not know it", claims: 0 });
  const { example } = pages[0]!.groups[0]!;
  expect(example.tried.reason).toMatch(/of 6 .*saturn is excluded \(it stood alone\); stranger is unreachable/);
  expect(example.now.reason).toMatch(/of 5 /);
});

test("claims whose values are not here are compared byte by byte, which is counted", async () => {
  const { pagesOf } = await party({ values: "none" });
  const [page] = await pagesOf({});
  expect(page!.uncompared).toBeGreaterThan(30);
  // Entries say the keys.
  expect(keysOf(PATHS).includes(textOf(page!.groups[0]!.example))).toBe(true);
});

test("over the wire a policy is JSON, of the same protocol, and read as one of a stranger", async () => {
  const { simulate, current } = await party();
  const ask = (request: SimulateRequest) => simulateResponse({ simulate, limits: DEFAULT_LIMITS }, request, signal);
  const text = (policy: Policy): string => JSON.stringify(policyToJson(policy));
  const made = (Policy: string) => create(SimulateRequestSchema, { Protocol: "nix", Policy });
  const answer = await ask(made(text({ ...current, rules: [{ engine: "percentage", minimum: 1 }] })));
  expect(Number(answer.Count)).toBe(keysOf(PATHS).length);
  await expect(ask(made("{"))).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(ask(made("{}"))).rejects.toThrow(/policy\.version: /);
  await expect(ask(made(text({ ...current, protocol: TEST })))).rejects.toThrow(/of protocol test came, nix wanted/);
  await expect(
    simulateResponse({ simulate, limits: DEFAULT_LIMITS }, create(SimulateRequestSchema, { Protocol: "gnu" }), signal),
  ).rejects.toMatchObject({ code: "not_found" });
});
