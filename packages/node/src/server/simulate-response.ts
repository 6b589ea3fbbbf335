/** `NodeExt.Simulate`: one page of what a policy would decide. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import { type Outcome, type Policy, policyFromJson } from "@trustix/decider";
import {
  SimulatedPath_Changes,
  SimulatedVoter_Knowledge,
  SimulateRequestSchema,
  type SimulatedPathSchema,
  type SimulatedVerdictSchema,
  type SimulateRequest,
  type SimulateResponseSchema,
} from "@trustix/proto";
import { NodeError } from "../errors.ts";
import type { SimulatedChange, SimulatedPath, SimulatedVoter } from "../model.ts";
import { namedVoter } from "./decide-many-response.ts";
import type { ServerParts } from "./parts.ts";

const CHANGES: Record<SimulatedChange, SimulatedPath_Changes> = {
  same: SimulatedPath_Changes.SAME,
  "still-undecided": SimulatedPath_Changes.STILL_UNDECIDED,
  "newly-decided": SimulatedPath_Changes.NEWLY_DECIDED,
  "no-longer-decided": SimulatedPath_Changes.NO_LONGER_DECIDED,
  "other-value": SimulatedPath_Changes.OTHER_VALUE,
};
const KNOWN: Record<SimulatedVoter["known"], SimulatedVoter_Knowledge> = {
  nothing: SimulatedVoter_Knowledge.NOTHING,
  all: SimulatedVoter_Knowledge.ALL,
  some: SimulatedVoter_Knowledge.SOME,
};

export async function simulateResponse(
  { simulate, limits }: Pick<ServerParts, "simulate" | "limits">,
  request: SimulateRequest,
  signal: AbortSignal,
): Promise<MessageInitShape<typeof SimulateResponseSchema>> {
  const { field } = SimulateRequestSchema;
  const question = {
    protocol: request.Protocol,
    policy: isFieldSet(request, field.Policy) ? policyOf(request.Policy) : undefined,
    after: isFieldSet(request, field.After) ? request.After : undefined,
    each: request.Each,
    maxBytes: limits.answerBytes / 4,
  };
  const { voters, count, groups, paths, next, done, uncompared } = await simulate.page(question, signal);
  return {
    Voters: voters.map(({ voter, known, why, claims }) => ({
      Voter: namedVoter(voter),
      Known: KNOWN[known],
      ...(why !== undefined && { Why: why }),
      Claims: BigInt(claims),
    })),
    Count: BigInt(count),
    Groups: groups.map(({ pattern, count: many, example }) => ({
      Pattern: pattern,
      Count: BigInt(many),
      Example: pathToWire(example),
    })),
    Paths: paths.map(pathToWire),
    ...(next !== undefined && { Next: next }),
    Done: done,
    Uncompared: BigInt(uncompared),
  };
}

/** Throws `ProtocolError`, `invalid_argument`. */
function policyOf(text: string): Policy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new NodeError("invalid_argument", "Policy: not JSON", { cause });
  }
  return policyFromJson(json);
}

function pathToWire({ key, path, change, now, tried }: SimulatedPath): MessageInitShape<typeof SimulatedPathSchema> {
  return {
    ...(key !== undefined && { Key: key }),
    Path: path,
    Change: CHANGES[change],
    Now: verdictToWire(now),
    Tried: verdictToWire(tried),
  };
}

function verdictToWire({ decision, conflict, reason }: Outcome): MessageInitShape<typeof SimulatedVerdictSchema> {
  return {
    Decided: decision !== undefined,
    ...(decision !== undefined && { Digest: decision.digest, Confidence: decision.confidence }),
    Conflict: conflict,
    Reason: reason,
  };
}
