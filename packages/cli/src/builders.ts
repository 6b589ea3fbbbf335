/** Voters by the names that a person gives them, and the words of their standings. */
import { BuilderStatus_Causes, BuilderStatus_Standings, type BuilderStatus } from "@trustix/proto";
import { usageError } from "./cli-error.ts";

const STANDINGS: Readonly<Record<BuilderStatus_Standings, string>> = {
  [BuilderStatus_Standings.UNSPECIFIED]: "unknown",
  [BuilderStatus_Standings.GOOD]: "good",
  [BuilderStatus_Standings.SUSPECT]: "suspect",
  [BuilderStatus_Standings.EXCLUDED]: "excluded",
};
const CAUSES: Readonly<Record<BuilderStatus_Causes, string | undefined>> = {
  [BuilderStatus_Causes.NONE]: undefined,
  [BuilderStatus_Causes.USER]: "user",
  [BuilderStatus_Causes.PROOF]: "proof",
  [BuilderStatus_Causes.DISSENT]: "dissent",
};

export function standingName(standing: BuilderStatus_Standings): string {
  return STANDINGS[standing] ?? `unknown (${standing})`;
}

/** `undefined` for one that is good. */
export function causeName(cause: BuilderStatus_Causes): string | undefined {
  return CAUSES[cause];
}

/** By name, or by id or its first 8 digits. Throws `CliError`. */
export function findBuilder(builders: readonly BuilderStatus[], given: string): BuilderStatus {
  const isId = /^[0-9a-f]{8,64}$/i.test(given);
  const byName = builders.filter(({ Name }) => Name === given);
  const found =
    byName.length > 0 || !isId ? byName : builders.filter(({ LogID }) => LogID.startsWith(given.toLowerCase()));
  if (found.length === 1) return found[0]!;
  const known = "`trustix builders` lists them";
  if (found.length === 0) throw usageError(`no configured voter is called ${JSON.stringify(given)}`, known);
  const ids = found.map(({ LogID }) => LogID).join(", ");
  throw usageError(`${found.length} voters are called ${JSON.stringify(given)}: ${ids}`, "name one by its id");
}

/** Why nobody of one protocol can be seen to dissent. */
export interface UnjudgedDissent {
  readonly why: string;
  readonly remedy: string;
  /** It could be, were nobody excluded. */
  readonly byExclusion: boolean;
}

/** Of the voters of one protocol. `undefined`: dissent is judged, or the node does not say. */
export function unjudgedDissent(builders: readonly BuilderStatus[]): UnjudgedDissent | undefined {
  // One that is excluded has one other more than those that are judged.
  const judged = builders.filter(
    ({ Cause }) => Cause !== BuilderStatus_Causes.USER && Cause !== BuilderStatus_Causes.PROOF,
  );
  const short = judged.find(({ Others, Needed }) => Others < Needed);
  if (short === undefined) return undefined;
  const { Others, OthersExcluded, Needed } = short;
  const left = `each has ${Others === 1 ? "1 other" : `${Others} others`} to be compared with`;
  const without = OthersExcluded === 0 ? "" : `, ${OthersExcluded} excluded`;
  const pardon = OthersExcluded === 0 ? "" : ", pardon one that is excluded if it deserves it";
  // Less than two is never enough: one against one says nothing about either.
  const fewer =
    Others >= 2 ? ", or set standing.agreeing to fewer, who together could then push an honest one out" : "";
  return {
    why: `${left}${without}, and ${Needed} that agree are needed`,
    remedy: `follow another builder${pardon}${fewer}`,
    byExclusion: OthersExcluded > 0 && Others + OthersExcluded >= Needed,
  };
}
