/**
 * When dissent makes a builder suspect, and when it excludes one. Every bound is a number the user can set; how the
 * defaults were chosen, and what they were measured to do, stands in docs/design/standing.md.
 */
export interface StandingBounds {
  /** Other operators that must agree before one stands alone; `undefined`: more than half of the configured ones. */
  readonly agreeing: number | undefined;
  /** The share of compared paths (0..1) on which anybody may stand alone. */
  readonly share: number;
  /** And where builders often stand alone: how many times the median of the others. */
  readonly factor: number;
  readonly suspect: DissentBound;
  readonly exclude: DissentBound;
}

/** Both must be reached. */
export interface DissentBound {
  /** Different packages on which the voter stood alone or gave a second answer. */
  readonly packages: number;
  /** So many or more would come about by chance less than once in this many, at the share that is allowed. */
  readonly odds: number;
}

export const DEFAULT_STANDING_BOUNDS: StandingBounds = {
  agreeing: undefined,
  share: 0.005,
  factor: 1.5,
  suspect: { packages: 5, odds: 10_000 },
  exclude: { packages: 10, odds: 1_000_000 },
};

/**
 * How many other operators must agree, with `operators` configured ones. Never less than two: one against one says
 * nothing about either. Excluded operators are among the configured ones, so that excluding one never makes it easier.
 */
export function agreeingOperators({ agreeing }: StandingBounds, operators: number): number {
  return Math.max(2, agreeing ?? Math.floor(operators / 2) + 1);
}
