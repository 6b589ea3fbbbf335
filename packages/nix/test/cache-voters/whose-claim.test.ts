/** Whose claim a narinfo is that several caches signed: one narinfo never makes two votes, and no signer's word is lost. */
import fc from "fast-check";
import type { LogId } from "@trustix/protocol";
import { describe, expect, test } from "vitest";
import { whoClaims, type Sighting } from "../../src/cache-voters/whose-claim.ts";

const id = (name: string): LogId => name as LogId;

/** `A: AB` is a narinfo at A signed by A and B; `-: B` one whose place is not known any more. */
function sightings(text: string): Sighting[] {
  if (text === "") return [];
  return text.split(", ").map((one) => {
    const [host, signers] = one.split(": ") as [string, string];
    return { host: host === "-" ? undefined : id(host), signers: [...signers].map(id) };
  });
}

const claims = (text: string, countCopies = ""): string =>
  [...whoClaims(sightings(text), new Set([...countCopies].map(id))).all].sort().join("");

describe("the rule", () => {
  const table: [why: string, seen: string, claim: string, countCopies?: string][] = [
    ["nobody signed, nobody claims", "", ""],
    ["each signed its own", "A: A, B: B, C: C", "ABC"],
    ["A has a copy of B's, with B's signature left in place", "A: AB, B: B", "B"],
    ["the same while B is down", "A: AB", "B"],
    ["A only passes on what B signed", "A: B", "B"],
    ["both pass on each other's: one vote, whoever was first", "A: AB, B: AB", "A"],
    ["the same whichever of them is asked", "B: AB, A: AB", "A"],
    ["the same with other names", "C: BC, B: BC", "B"],
    ["A has it from B, who has it from C, who is down", "A: AB, B: BC", "C"],
    ["a chain whose end has the smallest id", "C: BC, B: AB", "A"],
    ["A copied from two who are both down: one of them", "A: ABC", "B"],
    ["A copied from two who are there", "A: ABC, B: B, C: C", "BC"],
    ["A copied from one who is there, and names one who is down", "A: ABC, B: B", "B"],
    ["a circle of three", "A: AB, B: BC, C: CA", "A"],
    ["a circle of four is one file, not two", "A: AB, B: BC, C: CD, D: DA", "A"],
    ["a tail behind a circle does not get the circle's vote", "A: AB, B: BC, C: BC", "B"],
    ["two copies of two sources", "A: AC, B: BD", "CD"],
    ["one mirror of A still has what A signed alone", "A: A, A: AB, B: B", "AB"],
    ["a file from a cache that is configured no more", "-: AB", "A"],
    ["the same, and B says where it has it from", "-: AB, B: AB", "A"],
    ["C has it from A, who has it from B, who is there", "B: B, A: AB, C: AC", "B"],
    ["the same, and C names one more who is down", "B: B, A: AB, C: ACD", "BD"],
    ["whoever has nothing but copies of copies claims nothing", "A: ABC, B: BC, C: C", "C"],

    ["A counts copies: its own file counts for it, and for the other signer", "A: AB", "AB", "A"],
    ["A counts copies, B is there", "A: AB, B: B", "AB", "A"],
    ["A counts copies: in B's file it is one signer of two", "B: AB", "A", "A"],
    ["both count copies", "A: AB, B: AB", "AB", "AB"],
    ["A counts copies, and B's file names A", "A: A, B: AB", "A", "A"],
    ["B counts copies, and its file names A", "A: A, B: AB", "AB", "B"],
  ];
  test.each(table)("%s (%s: %s)", (_why, seen, claim, countCopies) => expect(claims(seen, countCopies)).toBe(claim));
});

const voter = fc.constantFrom(..."ABCDEF").map(id);
const sighting = fc.record({
  host: fc.option(voter, { nil: undefined }),
  signers: fc.uniqueArray(voter, { minLength: 1, maxLength: 4 }),
});
const scene = fc.array(sighting, { maxLength: 8 });

describe("whatever is seen", () => {
  test("no narinfo makes two votes: each vote has a narinfo of its own", () => {
    fc.assert(
      fc.property(scene, (seen) => {
        const { alone, all } = whoClaims(seen, new Set());
        for (const claimant of all) {
          if (alone.has(claimant)) continue;
          const bearing = seen.filter(({ signers }) => signers.includes(claimant));
          const ownOnly = bearing.filter(({ signers }) => signers.every((one) => one === claimant || !all.has(one)));
          expect(ownOnly.length).toBeGreaterThan(0);
        }
        for (const one of alone)
          expect(seen.some(({ signers }) => signers.length === 1 && signers[0] === one)).toBe(true);
      }),
    );
  });

  test("of narinfos that share no signer with others, each makes a vote", () => {
    fc.assert(
      fc.property(scene, (seen) => {
        const { all } = whoClaims(seen, new Set());
        for (const group of groupsOf(seen)) expect([...group].some((one) => all.has(one))).toBe(true);
      }),
    );
  });

  test("nobody claims who signed nothing, and whose signature stands alone claims", () => {
    fc.assert(
      fc.property(scene, (seen) => {
        const { alone, all } = whoClaims(seen, new Set());
        const signed = new Set(seen.flatMap(({ signers }) => signers));
        for (const one of all) expect(signed.has(one)).toBe(true);
        for (const { signers } of seen) if (signers.length === 1) expect(alone.has(signers[0]!)).toBe(true);
      }),
    );
  });

  test("order and repetition change nothing", () => {
    fc.assert(
      fc.property(scene, fc.array(voter), (seen, exempt) => {
        const countCopies = new Set(exempt);
        const turned = [...seen, ...seen].toReversed().map(({ host, signers }) => {
          return { host, signers: signers.toReversed() };
        });
        const [once, twice] = [whoClaims(seen, countCopies), whoClaims(turned, countCopies)];
        expect([...twice.all].sort()).toEqual([...once.all].sort());
        expect([...twice.alone].sort()).toEqual([...once.alone].sort());
      }),
    );
  });

  test("whose copies count claims whenever its own place has what it signed", () => {
    fc.assert(
      fc.property(scene, voter, (seen, exempt) => {
        const { all } = whoClaims(seen, new Set([exempt]));
        const isThere = seen.some(({ host, signers }) => host === exempt && signers.includes(exempt));
        if (isThere) expect(all.has(exempt)).toBe(true);
      }),
    );
  });
});

/** Signers that are joined by narinfos. */
function groupsOf(seen: readonly Sighting[]): Set<LogId>[] {
  let groups: Set<LogId>[] = [];
  for (const { signers } of seen) {
    const touched = groups.filter((group) => signers.some((one) => group.has(one)));
    groups = groups.filter((group) => !touched.includes(group));
    groups.push(new Set([...signers, ...touched.flatMap((group) => [...group])]));
  }
  return groups;
}
