/** What `trustix why` says of the node's answer: every claim with what shows it, and no two that differ alike. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { toHex, utf8 } from "@trustix/crypto";
import { explanationToJson } from "@trustix/nix/explanation";
import { nodeCrypto } from "@trustix/node-crypto";
import { ExplainResponseSchema, VoterAnswer_Shown, type VoterAnswerSchema } from "@trustix/proto";
import { encodeNixValue, NIX, type NixValue, parseLogId, TEST, type VoteOutcome, voteToWire } from "@trustix/protocol";
import { expect, test } from "vitest";
import { explanationLines } from "../src/explanation-lines.ts";
import { explanationOf } from "../src/explanation-of.ts";

type Answer = MessageInitShape<typeof VoterAnswerSchema>;

const pathOf = (name: string): string => `/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-${name}`;
const PATH = pathOf("rocket-1.0");
const sri = (digit: string): string => `sha256-${digit.repeat(43)}=`;
const valueOf = (change: Partial<NixValue> = {}): Uint8Array =>
  encodeNixValue({ path: PATH, narHash: sri("A"), narSize: 120, references: [], ...change });
const digestOf = (value: Uint8Array): Uint8Array => nodeCrypto().sha256(value);
const short = (value: Uint8Array): string => toHex(digestOf(value)).slice(0, 8);

const GOOD = valueOf();
const EVIL = valueOf({ narHash: sri("E") });
/** The same facts in another order. */
const SPELT = utf8(JSON.stringify({ references: null, narSize: 120, narHash: sri("A"), path: PATH }, undefined, 1));

/** Entry 4 of 7 in its log. */
function answer(Name: string, value: Uint8Array, outcome: VoteOutcome = "claims", reason = ""): Answer {
  const digest = digestOf(value);
  const claims = outcome === "claims";
  return {
    Name,
    Vote: voteToWire({ logId: parseLogId("11".repeat(32)), outcome, digest: claims ? digest : undefined, reason }),
    ...(!claims && { Uncounted: digest }),
    Value: value,
    ShownBy: VoterAnswer_Shown.BY_LOG,
    TreeSize: 7n,
    Index: 4n,
  };
}

const lacking = (Name: string): Answer => ({
  Name,
  Vote: voteToWire({ logId: parseLogId("22".repeat(32)), outcome: "absent", digest: undefined, reason: "" }),
  ShownBy: VoterAnswer_Shown.BY_LOG,
  TreeSize: 7n,
});

interface Asked {
  readonly answers: readonly Answer[];
  readonly decided?: Uint8Array;
  readonly reason?: string;
  readonly protocol?: typeof NIX;
}

function explained({ answers, decided, reason = "so it is", protocol = NIX }: Asked) {
  const key = protocol === NIX ? PATH : "key";
  const decision = decided && { Decided: true, Digest: digestOf(decided), Value: decided, Confidence: 60 };
  const response = create(ExplainResponseSchema, { Answers: [...answers], Reason: reason, ...decision });
  return explanationOf({ key, protocol }, response, false);
}

/** Without the key, the verdict, the reason and the mode. */
const lines = (asked: Asked): string[] => explanationLines(explained(asked), 0).slice(3, -1);

const ENTRY = "shown: entry 4 of 7, in map and log under its signed head";

test("the entry of a voter that does not count is shown like any other", () => {
  const table: [VoteOutcome, string][] = [
    ["excluded", "excluded by the user: test"],
    ["excluded", "alone on 36 packages"],
    ["stale", "its head is 3 d old"],
  ];
  for (const [outcome, reason] of table) {
    expect(lines({ answers: [answer("b3", GOOD, outcome, reason), lacking("b4")], decided: GOOD })).toEqual([
      `  b3  ${outcome}: ${reason}`,
      `      would claim ${sri("A")} (120 bytes, 0 references)`,
      `      ${ENTRY}`,
      "  b4  absent",
      "      shown: no entry among 7, under its signed head",
    ]);
  }
});

test("where voters differ each line has the digits by which the reason names it", () => {
  const reason = `2 of 3 agree, 2 needed; b3 claims ${short(EVIL)}`;
  const answers = [answer("b1", GOOD), answer("b2", SPELT), answer("b3", EVIL)];
  const [, verdict, ...rest] = explanationLines(explained({ answers, decided: GOOD, reason }), 0);
  const good = `${short(GOOD)} = ${sri("A")} (120 bytes, 0 references)`;
  expect([verdict, ...rest.slice(1, -1)]).toEqual([
    `decided, confidence 60: ${good}`,
    `  b1  claims ${good}`,
    `      ${ENTRY}`,
    `  b2  claims ${good}`,
    `      ${ENTRY}`,
    `  b3  claims ${short(EVIL)} = ${sri("E")} (120 bytes, 0 references)  <- another result`,
    `      ${ENTRY}`,
  ]);
});

test("one opinion needs no digits, unless the reason has them", () => {
  const said = `${sri("A")} (120 bytes, 0 references)`;
  const answers = [answer("b1", SPELT)];
  expect(lines({ answers })[0]).toBe(`  b1  claims ${said}`);
  expect(lines({ answers, reason: `b1 claims ${short(GOOD)}` })[0]).toBe(`  b1  claims ${short(GOOD)} = ${said}`);
});

test("the same facts in another spelling are one opinion, for programs too", () => {
  const { voters } = explanationToJson(explained({ answers: [answer("b1", GOOD), answer("b2", SPELT)] }));
  expect(voters).toMatchObject([
    { digest: toHex(digestOf(GOOD)) },
    { digest: toHex(digestOf(SPELT)), opinion: toHex(digestOf(GOOD)) },
  ]);
  expect((voters as object[])[0]).not.toHaveProperty("opinion");
});

test("the same NAR with other references says which", () => {
  const [libc, zlib, other] = [pathOf("libc"), pathOf("zlib"), pathOf("other")];
  const one = valueOf({ references: [libc, zlib] });
  const two = valueOf({ references: [libc, other] });
  const differing = [
    `  b2  claims ${short(two)} = ${sri("A")} (120 bytes, 2 references)`,
    "      the same NAR as what b1 claims, with other references:",
    `        also ${other}`,
    `        not ${zlib}`,
    `      ${ENTRY}`,
  ];
  expect(lines({ answers: [answer("b1", one), answer("b2", two)] }).slice(2)).toEqual(differing);
  const many = valueOf({ references: Array.from({ length: 7 }, (_, i) => pathOf(`dep-${i}`)) });
  expect(lines({ answers: [answer("b1", many)], decided: GOOD }).slice(1, 3)).toEqual([
    "      the same NAR as what was decided, with other references:",
    `        also ${[0, 1, 2, 3, 4].map((i) => pathOf(`dep-${i}`)).join(", ")}, and 2 more`,
  ]);
});

test("a value that states no facts about the path is called that, and counts by its digest", () => {
  const table: [value: Uint8Array, flaw: string][] = [
    [utf8("rubbish"), "its value states no facts (nix value: not JSON)"],
    [utf8("[]"), "its value states no facts (nix value: a JSON object wanted)"],
    [valueOf({ path: pathOf("other-2") }), `its value states facts about another path, ${pathOf("other-2")}`],
  ];
  for (const [value, flaw] of table) {
    const answers = [answer("b1", GOOD), answer("b2", value)];
    expect(lines({ answers, decided: GOOD }).slice(2)).toEqual([
      `  b2  claims ${toHex(digestOf(value))}  <- another result`,
      `      ${flaw}`,
      `      ${ENTRY}`,
    ]);
    const { voters } = explanationToJson(explained({ answers }));
    expect(voters).toMatchObject([{}, { flaw }]);
  }
});

test("of another protocol no facts are wanted", () => {
  const value = utf8("rubbish");
  const asked = { answers: [answer("b1", value)], protocol: TEST };
  expect(lines(asked)).toEqual([`  b1  claims ${toHex(digestOf(value))}`, `      ${ENTRY}`]);
});
