/** Parts of a node that has nothing to do. */
import type { Builders, Mirror } from "../src/model.ts";

/** A node that copies no log. */
export const NO_MIRROR: Mirror = {
  has: () => false,
  hasValues: () => false,
  revision: () => 0,
  claims: () => Promise.resolve([]),
  caughtUp: () => Promise.resolve(),
  status: () => undefined,
  reader: () => undefined,
};

/** A node that thinks well of everybody. */
export const NO_STANDING: Pick<Builders, "excluded" | "revision" | "standings" | "overrides" | "override"> = {
  excluded: () => undefined,
  revision: () => 0,
  standings: () => [],
  overrides: () => [],
  override: () => Promise.reject(new Error("nobody is configured")),
};
