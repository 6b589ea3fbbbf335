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
