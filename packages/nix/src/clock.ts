/** Time, as an argument; the daemon's clock has this shape. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, call: () => void): { cancel(): void };
}
