/** How old the heads are that votes are cast under: by the policy's limit, and by how often they are looked at. */
import { lasting } from "../words.ts";
import type { NodeFacts, ReadConfiguration } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("head age");

/** Milliseconds beyond two polls before a head counts as not looked at. */
const GRACE = 60_000;

export function judgeHeadAge(node: NodeFacts, configuration: ReadConfiguration | undefined): Finding[] {
  const limits = configuration === undefined ? [] : judgeLimits(configuration);
  return node.kind === "away" ? limits : [...limits, ...judgeHeads(node, configuration)];
}

function judgeLimits({ policies, followed, pollIntervalMs, file }: ReadConfiguration): Finding[] {
  if (followed.length === 0) return [];
  return policies.flatMap(({ protocol, maxHeadAgeMs }) => {
    if (maxHeadAgeMs === undefined || maxHeadAgeMs >= 2 * pollIntervalMs) return [];
    const severity = maxHeadAgeMs < pollIntervalMs ? "wrong" : "warning";
    const found =
      `heads are looked at every ${lasting(pollIntervalMs)} and count for ${lasting(maxHeadAgeMs)} only: ` +
      (severity === "wrong" ? "honest voters lose their vote between two looks" : "one look that fails costs a vote");
    const note = `in ${file}, set poll-interval = ${Math.max(1, Math.floor(maxHeadAgeMs / 3000))} above the first table, and start the daemon again`;
    return [finding(severity, `max-head-age for ${protocol}`, found, { note })];
  });
}

function judgeHeads(
  { status }: Extract<NodeFacts, { kind: "answers" }>,
  configuration: ReadConfiguration | undefined,
): Finding[] {
  // Nobody is asked for the heads of a log whose key lied.
  const trusted = status.Followed.filter(({ Against }) => Against === "");
  return trusted.map(({ Name, Log, Head, HeadSeenAt }) => {
    const looked = `the head of ${Name}`;
    if (Head === undefined) return finding("warning", looked, "none is held yet: it votes for nothing");
    const age = Number(status.Now) - Number(HeadSeenAt);
    const isNix = configuration?.followed.find(({ id }) => id === Log?.LogID)?.isNix;
    const limit = configuration?.policies.find((policy) => policy.isNix === isNix)?.maxHeadAgeMs;
    const confirmed = `confirmed ${lasting(age)} ago`;
    if (limit !== undefined && age > limit) {
      const found = `${confirmed}, and max-head-age is ${lasting(limit)}: its votes are stale and count for nothing`;
      return finding("wrong", looked, found, { note: "it mends itself when the log answers again" });
    }
    const poll = configuration?.pollIntervalMs;
    if (poll !== undefined && age > 2 * poll + GRACE) {
      return finding("warning", looked, `${confirmed}, although it is looked at every ${lasting(poll)}`);
    }
    return finding("ok", looked, confirmed);
  });
}
