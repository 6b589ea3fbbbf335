/**
 * What is known of the voters beside their claims. Times are milliseconds since 1970, of this node's own clock: when it
 * came to know, not when the accused says it happened.
 */
import type { LogId } from "@trustix/protocol";

export interface Dossier {
  readonly proofs: readonly Proof[];
  readonly secondAnswers: readonly SecondAnswer[];
  readonly overrides: readonly Override[];
  /** What `standings` excluded for dissent before. Such an exclusion stays until the user pardons it. */
  readonly exclusions: readonly EarlierExclusion[];
}

/** Something the voter signed that contradicts something else it signed. It excludes at once. */
export interface Proof {
  readonly voter: LogId;
  readonly at: number;
  /** A sentence without its subject: `signed two heads of size 12 that differ`. */
  readonly what: string;
}

/**
 * The voter gave another answer for a key than before: a cache key that signed two, or a claim refused by the write
 * rule. It counts as dissent: whoever rebuilds a package that is unreproducible does so in good faith.
 */
export interface SecondAnswer {
  readonly voter: LogId;
  readonly at: number;
  /** As given to `Tally.add`. */
  readonly key: string;
}

/** What the user said. */
export interface Override {
  readonly voter: LogId;
  readonly kind: "pardon" | "exclude";
  readonly reason: string;
  readonly at: number;
}

export interface EarlierExclusion {
  readonly voter: LogId;
  readonly at: number;
  readonly reason: string;
}

export interface Exclusion {
  readonly since: number;
  readonly cause: "user" | "proof";
  readonly reasons: readonly string[];
}

/** The last pardon of a voter: what was known until then does not count any more. */
export function pardonOf(overrides: readonly Override[], voter: LogId): Override | undefined {
  return latest(overrides, voter, "pardon");
}

/** Whether a voter is excluded whatever it claims: by the user, or by proof since the last pardon. */
export function outrightExclusion(dossier: Dossier, voter: LogId): Exclusion | undefined {
  const pardon = pardonOf(dossier.overrides, voter);
  const order = latest(dossier.overrides, voter, "exclude");
  const byUser = order !== undefined && (pardon === undefined || isLater(order, pardon, dossier.overrides));
  const proofs = dossier.proofs
    .filter((proof) => proof.voter === voter && proof.at > (pardon?.at ?? -Infinity))
    .sort((a, b) => a.at - b.at);
  if (!byUser && proofs.length === 0) return undefined;
  const reasons = [...new Set(proofs.map(({ what }) => what))];
  const since = Math.min(byUser ? order.at : Infinity, proofs[0]?.at ?? Infinity);
  return byUser
    ? { since, cause: "user", reasons: [`excluded by the user: ${order.reason}`, ...reasons] }
    : { since, cause: "proof", reasons };
}

/** The exclusion for dissent that was made before and has not been pardoned since. */
export function standingExclusion(dossier: Dossier, voter: LogId): EarlierExclusion | undefined {
  const pardoned = pardonOf(dossier.overrides, voter)?.at ?? -Infinity;
  return dossier.exclusions
    .filter((earlier) => earlier.voter === voter && earlier.at > pardoned)
    .reduce<EarlierExclusion | undefined>((first, one) => (first && first.at <= one.at ? first : one), undefined);
}

function latest(overrides: readonly Override[], voter: LogId, kind: Override["kind"]): Override | undefined {
  return overrides
    .filter((one) => one.voter === voter && one.kind === kind)
    .reduce<Override | undefined>((last, one) => (last && last.at > one.at ? last : one), undefined);
}

/** Of two at the same moment, the one that is listed later. */
function isLater(a: Override, b: Override, overrides: readonly Override[]): boolean {
  return a.at === b.at ? overrides.indexOf(a) > overrides.indexOf(b) : a.at > b.at;
}
