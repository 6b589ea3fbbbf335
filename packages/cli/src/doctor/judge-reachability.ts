/** Who answers, whose log is served by nobody, which copy does not go on, and whose votes do not count any more. */
import { BuilderStatus_Causes, BuilderStatus_Standings, type BuilderStatus, type FollowedStatus } from "@trustix/proto";
import { findProtocol } from "@trustix/protocol";
import { unjudgedDissent } from "../builders.ts";
import { voterTroubles } from "../commands/status.ts";
import { counted, lasting, quoted } from "../words.ts";
import type { AskedFacts, NodeFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("reachability");

/** Milliseconds that a copy may be behind its log's head. */
const BEHIND = 3_600_000;

export function judgeReachability(asked: readonly AskedFacts[], node: NodeFacts): Finding[] {
  const findings = asked.map(judgeAsked);
  if (node.kind === "away") return findings;
  const troubles = voterTroubles(node.status).map(({ log, what, remedy, mendsItself }) => {
    const note =
      remedy ?? (mendsItself ? "it mends itself when one of them is back" : "`trustix status` shows all of it");
    return finding(mendsItself ? "warning" : "wrong", log, what, { note });
  });
  const copies = node.status.Followed.flatMap((log) => judgeCopy(log, Number(node.status.Now)));
  // What a followed log's own key proved is told of the log.
  const told = new Set(node.status.Followed.flatMap(({ Log, Against }) => (Against === "" ? [] : (Log?.LogID ?? []))));
  const builders = (node.builders ?? []).filter(
    ({ LogID, Cause }) => Cause !== BuilderStatus_Causes.PROOF || !told.has(LogID),
  );
  return [...findings, ...troubles, ...copies, ...builders.flatMap(judgeBuilder), ...judgeDissent(node.builders ?? [])];
}

/** Two builders never suffice, which is no fault; that one was excluded is. */
function judgeDissent(builders: readonly BuilderStatus[]): Finding[] {
  return [...new Set(builders.map(({ Protocol }) => Protocol))].flatMap((id) => {
    const unjudged = unjudgedDissent(builders.filter(({ Protocol }) => Protocol === id));
    if (unjudged === undefined) return [];
    const looked = `dissent of ${findProtocol(id)?.name ?? id} builders`;
    const found = `it is not judged, a builder that goes wrong is not named: ${unjudged.why}`;
    return [finding(unjudged.byExclusion ? "warning" : "note", looked, found, { note: unjudged.remedy })];
  });
}

function judgeAsked({ url, roles, outcome }: AskedFacts): Finding {
  const looked = `${url} (${roles.join(", ")})`;
  switch (outcome.kind) {
    case "not asked":
      return finding("note", looked, `not asked: ${outcome.why}`);
    case "failed": {
      const note = "wait for it, or take it out of the configuration";
      return finding("warning", looked, `it cannot be reached: ${outcome.why}`, { note });
    }
    case "answered": {
      const { status, sent, got, isCache } = outcome;
      if (status >= 500) return finding("warning", looked, `it answers ${status}, an error of its own`);
      if (isCache && status !== 200) {
        return finding("warning", looked, `it answers ${status} for nix-cache-info: there is no binary cache`);
      }
      return finding("ok", looked, `it answers within ${lasting(got - sent + 999)}`);
    }
  }
}

/** Of a log that is convicted that is told already. */
function judgeCopy({ Name, Mirror, Against }: FollowedStatus, now: number): Finding[] {
  if (Mirror === undefined || Against !== "") return [];
  const looked = `the copy of ${Name}`;
  const { Entries, Target, Why, Lie, BehindSince } = Mirror;
  const size = `${Entries} of ${counted(Target, "entry", "entries")}`;
  if (Lie) {
    const note =
      "its votes are worth nothing; take it out of [[subscribers]], and tell others: `trustix evidence list`";
    return [finding("wrong", looked, `its signed head does not fit its own entries: ${Why}`, { note })];
  }
  if (Mirror.Served === undefined && Why === "") {
    // Without a head there is nothing to copy, and that is told elsewhere.
    return Target === 0n
      ? []
      : [finding("note", looked, `${size}: until the first copy is complete it votes for nothing`)];
  }
  if (Why !== "") return [finding("warning", looked, `it stands at ${size}: ${Why}`)];
  const behind = BehindSince === 0n ? 0 : now - Number(BehindSince);
  if (behind > BEHIND) return [finding("warning", looked, `${size}, behind its log since ${lasting(behind)}`)];
  return [finding("ok", looked, size)];
}

function judgeBuilder({ Name, LogID, Standing, Cause, Reasons }: BuilderStatus): Finding[] {
  const looked = `builder ${Name}`;
  const why = Reasons.length === 0 ? "" : `: ${Reasons.join("; ")}`;
  const id = LogID.slice(0, 8);
  if (Standing === BuilderStatus_Standings.SUSPECT) {
    return [finding("warning", looked, `it is suspect${why}`, { run: ["trustix builders"] })];
  }
  if (Standing !== BuilderStatus_Standings.EXCLUDED) return [];
  const found = `it is excluded, and still counts among those who must agree${why}`;
  const out = "take it out of the configuration if it stays so";
  if (Cause === BuilderStatus_Causes.USER) return [finding("note", looked, found)];
  if (Cause === BuilderStatus_Causes.PROOF)
    return [finding("warning", looked, found, { note: `${out}; its own signatures prove it` })];
  const run = [`trustix builders pardon ${quoted(id)} --reason 'REASON'`];
  return [finding("warning", looked, found, { run, note: `only if you know better; else ${out}` })];
}
