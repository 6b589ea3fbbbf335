/** Short ways to write votes down: `mercury=aa` claims the one-byte digest aa, `mars:unreachable` does not answer. */
import { fromHex } from "@trustix/crypto";
import type { LogId, Vote, VoteOutcome } from "@trustix/protocol";
import type { Voter } from "../src/index.ts";

export const logId = (name: string): LogId => name as LogId;

export function votersOf(...names: string[]): Voter[] {
  return names.map((name) => ({ logId: logId(name), name }));
}

export function votesOf(...texts: string[]): Vote[] {
  return texts.map((text) => {
    const [, name, sign, rest] = /^(.*?)([=:])(.*)$/.exec(text) as unknown as [string, string, string, string];
    return sign === "="
      ? { logId: logId(name), outcome: "claims", digest: fromHex(rest), reason: "" }
      : { logId: logId(name), outcome: rest as VoteOutcome, digest: undefined, reason: "" };
  });
}
