/** Parts of a node that has nothing to do. */
import type { Builders, Decide, EvidenceStore, Mirror, Receipts, Simulate } from "../src/model.ts";

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

/** A node that has caught nobody and takes nobody's word. */
export const NO_EVIDENCE: EvidenceStore = {
  keep: () => Promise.reject(new Error("nothing is kept here")),
  import: () => Promise.reject(new Error("nothing is kept here")),
  against: () => Promise.resolve([]),
  list: () => Promise.resolve({ items: [], next: undefined }),
  file: () => Promise.resolve(undefined),
  onKept: () => () => undefined,
  settled: () => Promise.resolve(),
};

/** A node that thinks well of everybody. */
export const NO_STANDING: Pick<Builders, "excluded" | "revision" | "standings" | "overrides" | "override"> = {
  excluded: () => undefined,
  revision: () => 0,
  standings: () => [],
  overrides: () => [],
  override: () => Promise.reject(new Error("nobody is configured")),
};

const unused = (): never => {
  throw new Error("nobody asks for this");
};

/** A node that is not asked to decide, or to show what it decided. */
export const NO_DECISIONS: Decide = { decide: unused, explain: unused, decideMany: unused };
export const NO_RECEIPTS: Receipts = { publicKey: new Uint8Array(32), seal: unused };
export const NO_SIMULATION: Simulate = { page: unused };
