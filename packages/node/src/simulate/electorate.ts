/**
 * Everybody who votes under either policy, and what they say of a path that they claim nothing for. Fixed for a page, so
 * that a path's votes are told by who holds which opinion.
 */
import type { Policy, Voter } from "@trustix/decider";
import type { LogId, Vote } from "@trustix/protocol";
import type { SimulatedVoter } from "../model.ts";

/** How much of a voter's claims is known here. */
export interface Known {
  readonly known: SimulatedVoter["known"];
  readonly why: string | undefined;
}

export interface Elector {
  readonly voter: Voter;
  readonly known: Known;
  /** Why its claims do not count. */
  readonly excluded: string | undefined;
  /** Its vote where it claims nothing that counts. */
  readonly silent: Vote;
  claims: number;
}

export class Electorate {
  /** By name. */
  readonly electors: readonly Elector[];
  readonly #places: ReadonlyMap<LogId, number>;

  constructor(
    policies: readonly Policy[],
    knownOf: (logId: LogId) => Known,
    excludedOf: (logId: LogId) => string | undefined,
  ) {
    const voters = new Map(policies.flatMap((policy) => policy.voters.map((voter) => [voter.logId, voter] as const)));
    this.electors = [...voters.values()]
      .map((voter) => electorOf(voter, knownOf(voter.logId), excludedOf(voter.logId)))
      .sort((a, b) => (a.voter.name < b.voter.name ? -1 : 1));
    this.#places = new Map(this.electors.map(({ voter }, i) => [voter.logId, i]));
  }

  has(logId: LogId): boolean {
    return this.#places.has(logId);
  }

  /** Its place among the electors; `undefined` for somebody who has no vote. */
  placeOf(logId: LogId): number | undefined {
    return this.#places.get(logId);
  }

  summary(): SimulatedVoter[] {
    return this.electors.map(({ voter, known, excluded, claims }) => ({
      voter,
      known: known.known,
      why: excluded === undefined ? known.why : `it is excluded: ${excluded}`,
      claims,
    }));
  }
}

function electorOf(voter: Voter, known: Known, excluded: string | undefined): Elector {
  const vote = (outcome: Vote["outcome"], reason: string): Vote => {
    return { logId: voter.logId, outcome, digest: undefined, reason };
  };
  const silent =
    excluded !== undefined
      ? vote("excluded", excluded)
      : known.known === "nothing"
        ? vote("unreachable", known.why ?? "")
        : vote("absent", known.why ?? "");
  return { voter, known, excluded, silent, claims: 0 };
}
