/** Short ways to write down claims, and a tally over them. */
import type { LogId } from "@trustix/protocol";
import {
  DEFAULT_STANDING_BOUNDS,
  type Dossier,
  type PathClaim,
  type StandingBounds,
  Tally,
  type Voter,
  type VoterFigures,
} from "../../src/index.ts";

export const DAY_MS = 86_400_000;
/** A day, in milliseconds since 1970. */
export const day = (number: number): number => number * DAY_MS;
/** The day on which tests look. */
export const TODAY = 1000;

export const id = (name: string): LogId => name as LogId;

/** 32 bytes of one letter's code. */
export function opinionOf(letter: string): Uint8Array {
  return new Uint8Array(32).fill(letter.codePointAt(0)!);
}

/** `mercury=a venus=b@7`: venus's claim was first seen on day 7; on day `TODAY` without. */
export function claims(text: string): PathClaim[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const [, name, letter, at] = /^(\w+)=(\w)(?:@(\d+))?$/.exec(word)!;
      return { voter: id(name!), opinion: opinionOf(letter!), firstSeen: day(Number(at ?? TODAY)) };
    });
}

/** `mercury venus/acme`: venus is run by acme. */
export function voters(text: string): Voter[] {
  return text.split(" ").map((word) => {
    const [name, operator] = word.split("/");
    return { logId: id(name!), name: name!, operator };
  });
}

export const EMPTY: Dossier = { proofs: [], secondAnswers: [], overrides: [], exclusions: [] };

export interface Counting {
  readonly voters?: string;
  readonly dossier?: Partial<Dossier>;
  readonly bounds?: Partial<StandingBounds>;
  readonly now?: number;
}

export const FIVE = "mercury venus mars jupiter saturn";

export function tallyOf(
  paths: readonly (readonly [key: string | undefined, text: string])[],
  setting: Counting = {},
): Tally {
  const tally = new Tally({
    voters: voters(setting.voters ?? FIVE),
    dossier: { ...EMPTY, ...setting.dossier },
    bounds: { ...DEFAULT_STANDING_BOUNDS, ...setting.bounds },
    now: setting.now ?? day(TODAY),
  });
  for (const [key, text] of paths) tally.add(key, claims(text));
  return tally;
}

/** The counts that are not 0, as text: `claims 3, agreed 2, alone 1`. */
export function countsOf(figures: readonly VoterFigures[], name: string): string {
  const {
    logId: _,
    operator: _o,
    judges: _j,
    counted: _c,
    examples: _e,
    ...counts
  } = figures.find(({ logId }) => logId === name)!;
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");
}

/** Packages that count against a voter, over all time. */
export function aloneOn(figures: readonly VoterFigures[], name: string): number {
  return figures.find(({ logId }) => logId === name)!.counted.alone.at(-1)!;
}
