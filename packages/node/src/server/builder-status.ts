/** `NodeExt.Builders` and `NodeExt.OverrideBuilder`: how far each voter is trusted, and the user's word on it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Override, Policy, Standing, VoterFigures } from "@trustix/decider";
import {
  BuilderOverride_Kinds,
  BuilderStatus_Causes,
  BuilderStatus_Standings,
  type BuilderStatusSchema,
  type BuildersResponseSchema,
  type OverrideBuilderRequest,
} from "@trustix/proto";
import { parseLogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { ServerParts } from "./parts.ts";

type Parts = Pick<ServerParts, "builders" | "policies">;

const STANDINGS: Record<Standing["standing"], BuilderStatus_Standings> = {
  good: BuilderStatus_Standings.GOOD,
  suspect: BuilderStatus_Standings.SUSPECT,
  excluded: BuilderStatus_Standings.EXCLUDED,
};
const CAUSES: Record<NonNullable<Standing["cause"]>, BuilderStatus_Causes> = {
  user: BuilderStatus_Causes.USER,
  proof: BuilderStatus_Causes.PROOF,
  dissent: BuilderStatus_Causes.DISSENT,
};
const KINDS: Record<Override["kind"], BuilderOverride_Kinds> = {
  pardon: BuilderOverride_Kinds.PARDON,
  exclude: BuilderOverride_Kinds.EXCLUDE,
};

export function buildersResponse({ builders, policies }: Parts): MessageInitShape<typeof BuildersResponseSchema> {
  return {
    Builders: builders.standings().map((standing) => builderStatus(standing, policies)),
    Overrides: builders.overrides().map(({ voter, kind, reason, at }) => ({
      LogID: voter,
      Kind: KINDS[kind],
      Reason: reason,
      At: BigInt(at),
    })),
  };
}

export async function overrideBuilder(
  { builders, policies }: Parts,
  { LogID, Kind, Reason }: OverrideBuilderRequest,
): Promise<MessageInitShape<typeof BuilderStatusSchema>> {
  const kind = (Object.keys(KINDS) as Override["kind"][]).find((name) => KINDS[name] === Kind);
  if (kind === undefined) throw new NodeError("invalid_argument", `Kind: ${Kind} came, PARDON or EXCLUDE wanted`);
  return builderStatus(await builders.override({ voter: parseLogId(LogID), kind, reason: Reason }), policies);
}

function builderStatus(standing: Standing, policies: readonly Policy[]): MessageInitShape<typeof BuilderStatusSchema> {
  const { logId, cause, since, reasons, figures, others } = standing;
  const policy = policies.find(({ voters }) => voters.some((one) => one.logId === logId));
  const voter = policy?.voters.find((one) => one.logId === logId);
  return {
    LogID: logId,
    Name: voter?.name ?? logId,
    ...(voter?.operator !== undefined && { Operator: voter.operator }),
    ...(policy !== undefined && { Protocol: policy.protocol.id }),
    Standing: STANDINGS[standing.standing],
    Cause: cause === undefined ? BuilderStatus_Causes.NONE : CAUSES[cause],
    ...(since !== undefined && { Since: BigInt(since) }),
    Reasons: [...reasons],
    Figures: figuresToWire(figures),
    Others: others.judging,
    OthersExcluded: others.excluded,
    Needed: others.needed,
    Examples: figures.examples.map(({ key, at, kind }) => ({
      Key: key,
      At: BigInt(at),
      SecondAnswer: kind === "secondAnswers",
    })),
  };
}

function figuresToWire(figures: VoterFigures) {
  return {
    Claims: BigInt(figures.claims),
    Single: BigInt(figures.single),
    FewAgreed: BigInt(figures.fewAgreed),
    FewDiffering: BigInt(figures.fewDiffering),
    Agreed: BigInt(figures.agreed),
    Alone: BigInt(figures.alone),
    Split: BigInt(figures.split),
    Scattered: BigInt(figures.scattered),
    Forgiven: BigInt(figures.forgiven),
    SecondAnswers: BigInt(figures.secondAnswers),
  };
}
