/**
 * The own clock. What others say of the time is only their word (the Date of an HTTP answer): one of them proves nothing,
 * several that agree against ours are believed to be right.
 */
import { lasting } from "../words.ts";
import type { AskedFacts, NodeFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("clocks");

/** Milliseconds. Slow answers and seconds cut off stay far below the first; beyond the second, signed calls are refused. */
const NOTICEABLE = 60_000;
const REFUSED = 300_000;
const SET = { run: ["timedatectl set-ntp true"] };

export function judgeClocks(asked: readonly AskedFacts[], node: NodeFacts): Finding[] {
  return [...judgeOwnClock(asked), ...judgeHeads(node)];
}

function judgeOwnClock(asked: readonly AskedFacts[]): Finding[] {
  const told = asked.flatMap(({ url, outcome }) => {
    if (outcome.kind !== "answered" || outcome.date === undefined) return [];
    // The Date is cut to the second before.
    return [{ url, off: outcome.date + 500 - (outcome.sent + outcome.got) / 2 }];
  });
  const looked = "this machine's clock";
  if (told.length === 0) return [finding("note", looked, "nobody who was asked told a time to compare it with")];
  const middle = told.map(({ off }) => off).sort((a, b) => a - b)[Math.floor((told.length - 1) / 2)]!;
  const apart = Math.abs(middle);
  const others = told.filter(({ off }) => Math.abs(off - middle) > NOTICEABLE);
  const alone = others.map(({ url, off }) =>
    finding("note", `the clock of ${url}`, `by its Date it is ${apartWords(off)} this machine's, unlike the others`),
  );
  const whose =
    told.length === 1
      ? `${told[0]!.url} says so in its Date, and nobody else`
      : `most of ${told.length} that were asked say so in their Date`;
  if (apart <= NOTICEABLE) {
    const by = told.length === 1 ? told[0]!.url : `${told.length - others.length} of ${told.length} that were asked`;
    return [finding("ok", looked, `within a minute of the Date of ${by}`), ...alone];
  }
  const wrong = apart > REFUSED && told.length > 1;
  const found = `it is ${apartWords(-middle)} what others have: ${whose}${wrong ? "; beyond 5 min signed calls are refused" : ""}`;
  return [finding(wrong ? "wrong" : "warning", looked, found, SET), ...alone];
}

/** `3 min behind`, of a clock that shows so much more. */
function apartWords(off: number): string {
  return `${lasting(Math.abs(off))} ${off < 0 ? "behind" : "ahead of"}`;
}

/** Times that were noted by this same clock, and lie before it now. */
function judgeHeads(node: NodeFacts): Finding[] {
  if (node.kind === "away") return [];
  const { Now, Followed } = node.status;
  const ahead = Followed.filter(({ HeadSeenAt }) => Number(HeadSeenAt) - Number(Now) > NOTICEABLE);
  return ahead.map(({ Name, HeadSeenAt }) => {
    const found = `it was confirmed ${lasting(Number(HeadSeenAt) - Number(Now))} from now: the clock was set back since`;
    return finding("warning", `the head of ${Name}`, found, SET);
  });
}
