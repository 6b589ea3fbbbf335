/**
 * An explanation as lines for a terminal. A claim is named by what it says; where voters differ, or the reason names digests,
 * also by the eight digits that the reason has for it. Claims that print alike and differ are told apart.
 */
import type { ExplainedClaim, ExplainedVoter, Explanation } from "@trustix/nix/explanation";
import { counted } from "./words.ts";

/** As the reasons of decisions shorten a digest. */
const SHORT = 8;
/** References that are named of those in which two claims differ. */
const NAMED = 5;

/** `now`: milliseconds since 1970. */
export function explanationLines(explanation: Explanation, now: number): string[] {
  const { key, decision, conflict, reason, voters, mode, letThrough } = explanation;
  const verdict =
    decision !== undefined
      ? `decided, confidence ${decision.confidence}: ${claimText(decision, namesDigests(explanation))}`
      : conflict
        ? "not decided, because two values have enough"
        : "not decided";
  return [
    key,
    verdict,
    `  ${reason}`,
    ...voters.flatMap((voter) => voterLines(voter, explanation, now)),
    `mode ${mode}${letThrough ? ": what the upstream's key signed is served all the same" : ""}`,
  ];
}

function voterLines(voter: ExplainedVoter, explanation: Explanation, now: number): string[] {
  const { name, operator, outcome, reason, claim } = voter;
  const { voters, decision } = explanation;
  const width = Math.max(...voters.map((one) => one.name.length));
  const who = `  ${name.padEnd(width)}${operator === undefined ? "" : ` (${operator})`}`;
  const indent = " ".repeat(width + 4);
  const text = claim === undefined ? undefined : claimText(claim, namesDigests(explanation));
  const differs = claim !== undefined && decision !== undefined && claim.opinion !== decision.opinion;
  const words =
    outcome === "claims" && text !== undefined
      ? `claims ${text}${differs ? "  <- another result" : ""}`
      : `${outcome}${reason === "" ? "" : `: ${reason}`}`;
  return [
    `${who}  ${words}`,
    ...[
      ...(outcome !== "claims" && text !== undefined ? [`would claim ${text}`] : []),
      ...(claim?.flaw === undefined ? [] : [claim.flaw]),
      ...differenceLines(voter, explanation),
      ...proofLines(voter, now),
    ].map((line) => `${indent}${line}`),
  ];
}

/** Whether a reader needs the digests: to match the reason with the voters, or where they differ. */
function namesDigests({ voters, decision, reason }: Explanation): boolean {
  const all = [decision, ...voters.map(({ claim }) => claim)];
  const opinions = [...new Set(all.flatMap((claim) => claim?.opinion ?? []))];
  return opinions.length > 1 || opinions.some((opinion) => reason.includes(opinion.slice(0, SHORT)));
}

/** The NAR hash, size and number of references, where the value states facts; else the digest, in full. */
function claimText({ digest, opinion, facts }: ExplainedClaim, withDigest: boolean): string {
  if (facts === undefined) return digest;
  const { narHash, narSize, references } = facts;
  const said = `${narHash} (${narSize} bytes, ${counted(references.length, "reference", "references")})`;
  return withDigest ? `${opinion.slice(0, SHORT)} = ${said}` : said;
}

/** The same bytes that refer to something else: the hash does not show it. Against what was decided, else the first such claim. */
function differenceLines({ claim }: ExplainedVoter, { decision, voters }: Explanation): string[] {
  if (claim?.facts === undefined) return [];
  const { narHash, narSize, references } = claim.facts;
  const named = [
    ...(decision === undefined ? [] : [{ whose: "what was decided", other: decision as ExplainedClaim }]),
    ...voters.map((one) => ({ whose: `what ${one.name} claims`, other: one.claim })),
  ];
  const first = named.find(({ other }) => other?.facts?.narHash === narHash && other.facts.narSize === narSize);
  if (first?.other?.facts === undefined || first.other.opinion === claim.opinion) return [];
  const others = first.other.facts.references;
  const more = references.filter((one) => !others.includes(one));
  const fewer = others.filter((one) => !references.includes(one));
  return [
    `the same NAR as ${first.whose}, with other references:`,
    ...(more.length === 0 ? [] : [`  also ${namesOf(more)}`]),
    ...(fewer.length === 0 ? [] : [`  not ${namesOf(fewer)}`]),
  ];
}

function namesOf(paths: readonly string[]): string {
  const rest = paths.length - NAMED;
  return `${paths.slice(0, NAMED).join(", ")}${rest > 0 ? `, and ${rest} more` : ""}`;
}

/** Of a claim that does not count as of one that does: the log has the entry all the same. */
function proofLines({ shownBy, since }: ExplainedVoter, now: number): string[] {
  const known =
    since === undefined ? "" : `, known here since ${new Date(since).toISOString().slice(0, 16).replace("T", " ")}`;
  const isAhead = since !== undefined && since > now ? " (the node's clock is ahead)" : "";
  switch (shownBy.kind) {
    case "log": {
      const { index, entries } = shownBy;
      if (index === undefined) return [`shown: no entry among ${entries}, under its signed head`];
      return [`shown: entry ${index} of ${entries}, in map and log under its signed head${known}${isAhead}`];
    }
    case "narinfo":
      return [`shown: a narinfo signed by the cache's key${known}${isAhead}`];
    case "asserted":
      return [];
  }
}
