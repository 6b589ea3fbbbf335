/** The pages of a simulation as one: what is decided now and by the other policy, and the paths that change, by their reasons. */
import {
  SimulatedPath_Changes,
  SimulatedVoter_Knowledge,
  type SimulatedGroup,
  type SimulatedPath,
  type SimulatedVerdict,
  type SimulateResponse,
} from "@trustix/proto";

/** The worst first; what stays as it is decided is none of them. */
export const CHANGES = ["other-value", "no-longer-decided", "newly-decided", "still-undecided"] as const;
export type Change = (typeof CHANGES)[number];

export interface Tally {
  decided: number;
  /** With conflicts. */
  undecided: number;
  conflicts: number;
}

export interface Group {
  count: number;
  readonly example: SimulatedPath;
}

export interface KnownVoter {
  readonly name: string;
  readonly operator?: string;
  readonly known: "all" | "some" | "nothing";
  readonly why?: string;
  claims: number;
}

/** Reasons kept apart. A log that makes up claims could give every path one of its own. */
const MOST_GROUPS = 20_000;

export class Simulation {
  count = 0;
  uncompared = 0;
  readonly now: Tally = { decided: 0, undecided: 0, conflicts: 0 };
  readonly tried: Tally = { decided: 0, undecided: 0, conflicts: 0 };
  readonly changes: Record<Change, number> = none();
  /** Of the changes, those whose reasons are not kept. */
  readonly untold: Record<Change, number> = none();
  readonly #groups = new Map<string, Group>();
  readonly #voters = new Map<string, KnownVoter>();

  add({ Count, Groups, Voters, Uncompared }: SimulateResponse): void {
    this.count += Number(Count);
    this.uncompared += Number(Uncompared);
    for (const group of Groups) this.#addGroup(group);
    for (const { Voter, Known, Why, Claims } of Voters) {
      const known = this.#voters.get(Voter!.LogID);
      if (known !== undefined) known.claims += Number(Claims);
      else
        this.#voters.set(Voter!.LogID, {
          name: Voter!.Name,
          ...(Voter!.Operator !== "" && { operator: Voter!.Operator }),
          known: KNOWN[Known],
          ...(Why !== "" && { why: Why }),
          claims: Number(Claims),
        });
    }
  }

  get voters(): readonly KnownVoter[] {
    return [...this.#voters.values()];
  }

  /** The largest first. */
  groupsOf(change: Change): readonly Group[] {
    return [...this.#groups.values()]
      .filter(({ example }) => changeOf(example.Change) === change)
      .sort((a, b) => b.count - a.count);
  }

  #addGroup({ Pattern, Count, Example }: SimulatedGroup): void {
    const count = Number(Count);
    addTo(this.now, Example!.Now!, count);
    addTo(this.tried, Example!.Tried!, count);
    const change = changeOf(Example!.Change);
    if (change === "same") return;
    this.changes[change] += count;
    const known = this.#groups.get(Pattern);
    if (known !== undefined) known.count += count;
    else if (this.#groups.size < MOST_GROUPS) this.#groups.set(Pattern, { count, example: Example! });
    else this.untold[change] += count;
  }
}

export function changeOf(change: SimulatedPath_Changes): Change | "same" {
  switch (change) {
    case SimulatedPath_Changes.SAME:
      return "same";
    case SimulatedPath_Changes.STILL_UNDECIDED:
      return "still-undecided";
    case SimulatedPath_Changes.NEWLY_DECIDED:
      return "newly-decided";
    case SimulatedPath_Changes.NO_LONGER_DECIDED:
      return "no-longer-decided";
    case SimulatedPath_Changes.OTHER_VALUE:
      return "other-value";
  }
}

const KNOWN: Record<SimulatedVoter_Knowledge, KnownVoter["known"]> = {
  [SimulatedVoter_Knowledge.NOTHING]: "nothing",
  [SimulatedVoter_Knowledge.ALL]: "all",
  [SimulatedVoter_Knowledge.SOME]: "some",
};

function addTo(tally: Tally, { Decided, Conflict }: SimulatedVerdict, count: number): void {
  if (Decided) tally.decided += count;
  else tally.undecided += count;
  if (Conflict) tally.conflicts += count;
}

function none(): Record<Change, number> {
  return { "other-value": 0, "no-longer-decided": 0, "newly-decided": 0, "still-undecided": 0 };
}
