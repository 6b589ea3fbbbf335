/** Exceptions: for which keys, until when, and who must still agree. */
import { toHex, utf8 } from "@trustix/crypto";
import { describe, expect, test } from "vitest";
import type { Exception, Rule } from "../src/index.ts";
import { ask, logId, votersOf, votesOf } from "./ballots.ts";

const KEY = "/nix/store/7rjj86a15146cq1d3qy068lml7n7ykzm-chromium-120.0";
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 15, 12);
const THREE: Rule = { engine: "quorum", threshold: 3, voters: undefined };
const TWO: Rule = { engine: "quorum", threshold: 2, voters: undefined };

function exception(match: string, voters: string[], more: Partial<Exception> = {}): Exception {
  const expires = Date.UTC(2027, 0, 1);
  return { match, reason: "timestamps", expires, voters: voters.map(logId), threshold: voters.length, ...more };
}

interface Row {
  readonly name: string;
  readonly exceptions: Exception[];
  readonly rules?: Rule[];
  readonly voters?: string[];
  readonly votes: string[];
  readonly key?: string | Uint8Array;
  readonly time?: number;
  /** `digest confidence by`, `conflict` or `-`. */
  readonly want: string;
  readonly reason: string;
}

const SPLIT = ["mercury=aa", "venus=aa", "saturn=bb", "mars=cc"];

const rows: Row[] = [
  {
    name: "one that matches decides with the voters it names, and its confidence counts everybody",
    exceptions: [exception("chromium-*", ["mercury", "venus"])],
    votes: SPLIT,
    want: "aa 50 exception",
    reason:
      "2 of 4 agree, 3 needed; the exception for chromium-* (timestamps) holds until 2026-12-31 and is for aa: 2 of 2 named voters agree, 2 needed; mars claims cc; saturn claims bb",
  },
  {
    name: "those it names must agree",
    exceptions: [exception("chromium-*", ["mercury", "saturn"])],
    votes: SPLIT,
    want: "-",
    reason:
      "the exception for chromium-* (timestamps) does not decide: 1 of 2 named voters agree, 2 needed; mercury and venus claim aa",
  },
  {
    name: "fewer than all may be enough",
    exceptions: [exception("chromium-*", ["mercury", "mars"], { threshold: 1 })],
    votes: ["mercury:unreachable", "venus=bb", "saturn=bb", "mars=cc"],
    want: "cc 25 exception",
    reason: "is for cc: 1 of 2 named voters agree, 1 needed",
  },
  {
    name: "two values that have enough in one exception are a conflict",
    exceptions: [exception("chromium-*", ["mercury", "mars"], { threshold: 1 })],
    votes: SPLIT,
    want: "conflict",
    reason:
      "the exception for chromium-* (timestamps) does not decide: more than one value has the 1 needed (aa and cc)",
  },
  {
    name: "two exceptions for different values are a conflict",
    exceptions: [exception("chromium-*", ["mercury"]), exception(KEY, ["saturn"], { reason: "because" })],
    votes: SPLIT,
    want: "conflict",
    reason:
      "is for bb: 1 of 1 named voters agree, 1 needed; the exception for chromium-* (timestamps) holds until 2026-12-31 and is for aa: 1 of 1 named voters agree, 1 needed; exceptions that differ decide nothing",
  },
  {
    name: "of two for the same value the one that lasts longer is the one",
    exceptions: [
      exception("c*", ["mercury"], { expires: NOW + DAY }),
      exception("*0", ["venus"], { expires: NOW + 2 * DAY }),
    ],
    votes: SPLIT,
    want: "aa 50 exception",
    reason: "the exception for *0 (timestamps) holds until 2026-06-17T12:00:00Z and is for aa",
  },
  {
    name: "where a rule decides it is not looked at",
    exceptions: [exception("*", ["mercury"], { expires: NOW - DAY })],
    rules: [TWO],
    votes: ["mercury=aa", "venus=bb", "saturn=bb", "mars=cc"],
    want: "bb 50 rule",
    reason: "2 of 4 agree, 2 needed; mars claims cc; mercury claims aa",
  },
  {
    name: "it never decides a conflict",
    exceptions: [exception("chromium-*", ["mercury"])],
    rules: [TWO],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars=bb"],
    want: "conflict",
    reason: "the exception for chromium-* (timestamps) does not decide a conflict",
  },
  {
    name: "a conflict of an earlier rule is one, whatever the later rules say",
    exceptions: [exception("chromium-*", ["mercury"])],
    rules: [TWO, { engine: "logid", id: logId("pluto") }],
    votes: ["mercury=aa", "venus=aa", "saturn=bb", "mars=bb"],
    want: "conflict",
    reason: "quorum: conflict: ",
  },
  {
    name: "one that has ended is named and does not decide",
    exceptions: [exception("chromium-*", ["mercury"], { expires: Date.UTC(2026, 5, 1) })],
    votes: SPLIT,
    want: "-",
    reason:
      "2 of 4 agree, 3 needed; the exception for chromium-* (timestamps) ended with 2026-05-31; mercury and venus claim aa",
  },
  {
    name: "it ends at its moment, not after it",
    exceptions: [exception("chromium-*", ["mercury"], { expires: NOW })],
    votes: SPLIT,
    want: "-",
    reason: "ended with 2026-06-15T12:00:00Z",
  },
  {
    name: "without a time it has ended",
    exceptions: [exception("chromium-*", ["mercury"])],
    votes: SPLIT,
    time: NaN,
    want: "-",
    reason: "ended with",
  },
  {
    name: "one that has ended does not keep another from deciding",
    exceptions: [exception("chromium-*", ["saturn"], { expires: NOW - 1 }), exception("chromium-1*", ["mercury"])],
    votes: SPLIT,
    want: "aa 50 exception",
    reason: "and is for aa: 1 of 1 named voters agree, 1 needed; the exception for chromium-* (timestamps) ended",
  },
  {
    name: "an operator is one of those named",
    exceptions: [exception("chromium-*", ["mercury", "venus"], { threshold: 1 })],
    voters: ["mercury@acme", "venus@acme", "saturn", "mars"],
    votes: SPLIT,
    want: "aa 33 exception",
    reason: "is for aa: 1 of 1 named operators agree, 1 needed",
  },
  {
    name: "an operator that contradicts itself decides no exception",
    exceptions: [exception("chromium-*", ["mercury"])],
    voters: ["mercury@acme", "venus", "saturn@acme", "mars"],
    votes: SPLIT,
    want: "-",
    reason: "does not decide: 0 of 1 named voters agree, 1 needed",
  },
  {
    name: "voters that are not configured say nothing",
    exceptions: [exception("chromium-*", ["pluto"])],
    votes: [...SPLIT, "pluto=aa"],
    want: "-",
    reason: "does not decide: 0 of 1 named voters agree, 1 needed",
  },
  {
    name: "without rules an exception still decides",
    exceptions: [exception("chromium-*", ["mercury"])],
    rules: [],
    votes: SPLIT,
    want: "aa 50 exception",
    reason: "no decider is configured; the exception for chromium-*",
  },
  {
    name: "the words of an exception stay on one line",
    exceptions: [exception("chromium-*", ["pluto"], { reason: "a\nb\u001b[31m" })],
    votes: SPLIT,
    want: "-",
    reason: "the exception for chromium-* (a b [31m) does not decide",
  },
];

describe("exceptions", () => {
  for (const row of rows) {
    test(row.name, () => {
      const voters = votersOf(...(row.voters ?? ["mercury", "venus", "saturn", "mars"]));
      const { rules = [THREE], exceptions, key = KEY, time = NOW } = row;
      const question = { key: typeof key === "string" ? utf8(key) : key, time };
      const outcome = ask({ rules, voters, exceptions }, votesOf(...row.votes), question);
      const { decision, conflict, reason } = outcome;
      const got = decision && `${toHex(decision.digest)} ${decision.confidence} ${decision.by.kind}`;
      expect(got ?? (conflict ? "conflict" : "-")).toBe(row.want);
      expect(reason).toContain(row.reason);
    });
  }
});

describe("which keys an exception means", () => {
  const PATH = "/nix/store/7rjj86a15146cq1d3qy068lml7n7ykzm-hello-2.12";
  const table: [match: string, key: string | Uint8Array, wanted: boolean][] = [
    [PATH, PATH, true],
    [PATH, `${PATH}-lib`, false],
    [`${PATH.slice(0, -2)}*`, PATH, false],
    ["hello-2.12", PATH, true],
    ["hello-*", PATH, true],
    ["*", PATH, true],
    ["*hello*", PATH, true],
    ["hello-2?12", PATH, true],
    ["hello", PATH, false],
    ["ello-2.12", PATH, false],
    ["Hello-*", PATH, false],
    ["7rjj*", PATH, false],
    ["hello-[0-9]*", PATH, false],
    ["hello-2.1", PATH, false],
    ["*hello", "/nix/store/short-hello", true],
    ["hello", "/nix/store/7rjj86a15146cq1d3qy068lml7n7ykzm-hello", true],
    ["any*key", "any other key", true],
    ["*", Uint8Array.of(0xff, 0xfe), false],
    ["*", "", true],
    ["?", "", false],
    ["", "", true],
  ];
  for (const [match, key, wanted] of table) {
    test(`${JSON.stringify(match)} ${wanted ? "means" : "does not mean"} ${JSON.stringify(key)}`, () => {
      const exceptions = [exception(match, ["mercury"])];
      const question = { key: typeof key === "string" ? utf8(key) : key, time: NOW };
      const { decision } = ask({ rules: [], voters: votersOf("mercury"), exceptions }, votesOf("mercury=aa"), question);
      expect(decision !== undefined).toBe(wanted);
    });
  }
});
