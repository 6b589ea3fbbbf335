/**
 * One vote of one followed log: what it says of a key under the held head, proved in its map and in its log tree, with
 * the proofs. What cannot be proved is not a claim, and each reason for that is told apart. A log whose map and log tree
 * exclude each other is convicted on the spot.
 *
 * A root that is gone is asked again once under a newer head: servers of the existing program drop a map root at their
 * next flush. They say `unknown` to that as to anything else, so of them it never makes a vote stale.
 */
import type { ClaimResult, Evidence, LogClient } from "@trustix/client";
import type { LogHead, Testimony, VoteOutcome } from "@trustix/protocol";
import type { Clock, NoHead } from "../model.ts";
import { askRemotes } from "./ask-remotes.ts";
import type { FollowedHead } from "./followed-head.ts";
import type { Remote } from "./remote.ts";

export interface Ballot {
  readonly log: FollowedHead;
  readonly key: Uint8Array;
  /** Best first. */
  readonly remotes: () => readonly Remote[];
  readonly clientOf: (remote: Remote) => LogClient;
  /** Asks all remotes for a newer head. */
  readonly refresh: (signal: AbortSignal) => Promise<void>;
  /** Keeps proof against the log; nothing it says counts from then on. Never rejects. */
  readonly convict: (evidence: Evidence, remote: Remote) => Promise<void>;
  /** Why no head is held. */
  readonly whyNoHead: () => NoHead;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** An answer, and what it was asked under. */
interface Answers {
  readonly head: LogHead;
  readonly all: readonly ClaimResult[];
}

/** Never throws. */
export async function castVote(ballot: Ballot, signal: AbortSignal): Promise<Testimony> {
  const { log } = ballot;
  if (log.against === undefined && log.held === undefined) await ballot.refresh(signal);
  const { held } = log;
  if (isExcluded(ballot)) return excluded(ballot);
  if (held === undefined) {
    const { outcome, why } = ballot.whyNoHead();
    return vote(ballot, outcome, why);
  }
  const first = await ask(ballot, held, signal);
  if (!first.all.some(({ kind }) => kind === "root_gone") || settled(first.all.at(-1))) return judge(ballot, first);
  // Another vote or a poll may have brought a newer head while this one waited.
  if (log.held === held) await ballot.refresh(signal);
  if (isExcluded(ballot)) return excluded(ballot);
  return judge(ballot, log.held === held ? first : await ask(ballot, log.held!, signal));
}

/** Asked anew each time: a log can be caught lying while we wait for it. */
function isExcluded({ log }: Ballot): boolean {
  return log.against !== undefined;
}

function excluded(ballot: Ballot): Testimony {
  return vote(ballot, "excluded", ballot.log.against?.why ?? "");
}

function settled(answer: ClaimResult | undefined): boolean {
  return answer?.kind === "claims" || answer?.kind === "absent" || answer?.kind === "contradiction";
}

async function ask(ballot: Ballot, head: LogHead, signal: AbortSignal): Promise<Answers> {
  const all = ballot.remotes();
  const asked = all.filter((remote) => remote.leftAloneMs === 0);
  const leftAlone = all.filter((remote) => remote.leftAloneMs > 0).map(sayLeftAlone);
  const answers = await askRemotes(
    asked,
    async (remote, stop) => {
      const options = { signal: stop, timeoutMs: ballot.timeoutMs };
      const answer = await claim(ballot, remote, head, options);
      if (answer.kind === "contradiction") await ballot.convict(answer.evidence, remote);
      return { answer, reached: answer.kind !== "unreachable" };
    },
    settled,
    ballot.clock,
    signal,
  );
  const late = asked.length > 0 && answers.length === 0;
  return { head, all: late ? [{ kind: "unreachable", why: "no answer in time" }] : [...leftAlone, ...answers] };
}

function sayLeftAlone(remote: Remote): ClaimResult {
  const seconds = Math.ceil(remote.leftAloneMs / 1000);
  return { kind: "unreachable", why: `it did not answer in time before; asked again in ${seconds} s` };
}

/** A defect of ours must cost one vote, not the daemon. */
async function claim(
  ballot: Ballot,
  remote: Remote,
  head: LogHead,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<ClaimResult> {
  try {
    return await ballot.clientOf(remote).claim(ballot.key, head, options);
  } catch (error) {
    return { kind: "unverifiable", why: `its answer could not be checked: ${String(error)}` };
  }
}

/** How much an answer that settles nothing tells; the most telling one becomes the reason. */
const TELLING = ["root_gone", "says_absent", "unverifiable", "unreachable", "refused"] as const;

function judge(ballot: Ballot, { head, all: answers }: Answers): Testimony {
  const last = answers.at(-1);
  if (last?.kind === "contradiction") return vote(ballot, "excluded", last.why);
  // Proof against the log may have come while it was asked.
  if (isExcluded(ballot)) return excluded(ballot);
  if (last?.kind === "claims") {
    const { entry, mapProof, logProof } = last;
    const { vote: claims } = vote(ballot, "claims", "");
    return { vote: { ...claims, digest: entry.digest }, proof: { kind: "log", head, entry, mapProof, logProof } };
  }
  if (last?.kind === "absent") {
    const { mapProof } = last;
    return { ...vote(ballot, "absent", ""), proof: { kind: "log", head, entry: undefined, mapProof, logProof: [] } };
  }
  const worst =
    answers.find((answer) => answer.kind === "root_gone" && answer.said) ??
    TELLING.flatMap((kind) => answers.filter((answer) => answer.kind === kind))[0];
  switch (worst?.kind) {
    case "root_gone":
      return worst.said
        ? vote(ballot, "stale", `nothing can be proved under its newest head that is known here: ${worst.why}`)
        : vote(ballot, "unverifiable", `it answers unknown: ${worst.why}`);
    case "says_absent":
    case "unverifiable":
    case "refused":
      return vote(ballot, "unverifiable", worst.why);
    case "unreachable":
      return vote(ballot, "unreachable", worst.why);
    default:
      return vote(ballot, "unreachable", "no remotes are configured");
  }
}

function vote({ log }: Ballot, outcome: VoteOutcome, reason: string): Testimony {
  return { vote: { logId: log.info.id, outcome, digest: undefined, reason }, proof: undefined };
}
