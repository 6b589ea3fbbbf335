/** A node that copies no log. */
import type { Mirror } from "../src/model.ts";

export const NO_MIRROR: Mirror = {
  has: () => false,
  hasValues: () => false,
  revision: () => 0,
  claims: () => Promise.resolve([]),
  caughtUp: () => Promise.resolve(),
  status: () => undefined,
  reader: () => undefined,
};
