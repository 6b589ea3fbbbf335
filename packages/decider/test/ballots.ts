/**
 * Short ways to write elections down: `mercury=aa` claims the one-byte digest aa, `mars:unreachable` does not answer, and
 * `mercury@acme` is a voter that acme runs.
 */
import { fromHex, utf8 } from "@trustix/crypto";
import { TEST, type LogId, type Vote, type VoteOutcome } from "@trustix/protocol";
import { decide, POLICY_DEFAULTS, type Outcome, type Policy, type Question, type Voter } from "../src/index.ts";

export const logId = (name: string): LogId => name as LogId;

export function votersOf(...names: string[]): Voter[] {
  return names.map((text) => {
    const [name, operator] = text.split("@") as [string, string?];
    return { logId: logId(name), name, operator };
  });
}

export function votesOf(...texts: string[]): Vote[] {
  return texts.map((text) => {
    const [, name, sign, rest] = /^(.*?)([=:])(.*)$/.exec(text) as unknown as [string, string, string, string];
    return sign === "="
      ? { logId: logId(name), outcome: "claims", digest: fromHex(rest), reason: "" }
      : { logId: logId(name), outcome: rest as VoteOutcome, digest: undefined, reason: "" };
  });
}

/** What a policy with these settings makes of the votes; `more` is the rest of the question. */
export function ask(
  policy: Partial<Policy> & Pick<Policy, "rules" | "voters">,
  votes: readonly Vote[],
  more: Partial<Question> = {},
): Outcome {
  const whole: Policy = { ...POLICY_DEFAULTS, protocol: TEST, ...policy };
  return decide({ policy: whole, key: utf8("key"), votes, opinions: new Map(), time: 0, sandbox: undefined, ...more });
}
