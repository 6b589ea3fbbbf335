/** The response header that names the outcome and the rule, and the line of the log that says who said what. */
import type { ProxyVote } from "./model.ts";
import type { Refused, Served } from "./resolution.ts";

export const DECISION_HEADER = "trustix-decision";

/** Characters: a proxy in front may refuse headers of a few thousand. What is longer ends at a word, with three dots. */
const MAX_RULE = 300;

/**
 * A structured field (RFC 8941), whatever the rule's text contains.
 *
 *     decided; rule="3 of 4 agree, 3 needed"
 *     let-through; mode=observe; vote=agrees; rule="3 of 4 agree, 3 needed"      what the voters say of what is served
 */
export function decisionHeader(
  resolution: Pick<Served, "outcome" | "reason" | "mode" | "vote"> | Pick<Refused, "outcome" | "reason">,
): string {
  const through = resolution.outcome === "let-through" ? `; mode=${resolution.mode}; vote=${resolution.vote}` : "";
  const rule = shortened(resolution.reason.replace(/[^ -~]/g, "?")).replace(/["\\]/g, "\\$&");
  return `${resolution.outcome}${through}; rule="${rule}"`;
}

function shortened(text: string): string {
  if (text.length <= MAX_RULE) return text;
  const words = text.slice(0, MAX_RULE - 3).split(" ");
  words.pop();
  // Figures are grouped by spaces, and half of one is another one.
  while (/^\d+$/.test(words.at(-1) ?? "")) words.pop();
  return words.length === 0 ? `${text.slice(0, MAX_RULE - 3)}...` : `${words.join(" ").replace(/[,;:(]+$/, "")} ...`;
}

/** `mercury claims sha256-..., mars unreachable (connection refused)`. */
export function describeVotes(votes: readonly ProxyVote[]): string {
  if (votes.length === 0) return "nobody was asked";
  return votes
    .map(({ voter, outcome, narHash, reason }) => {
      const what = narHash === undefined ? outcome : `${outcome} ${narHash}`;
      return reason === "" ? `${voter} ${what}` : `${voter} ${what} (${reason})`;
    })
    .join(", ");
}
