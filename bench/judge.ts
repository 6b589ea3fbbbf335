/** A figure against its target, scaled from the reference machine to the one that ran it. Pure. */
import type { BasicCosts } from "./basic-costs.ts";
import { type Figure, REFERENCE } from "./figure.ts";

export interface Judged {
  readonly figure: Figure;
  /** The target on this machine; `undefined` for a figure that is only recorded. */
  readonly wanted: number | undefined;
  readonly verdict: "reached" | "missed" | "recorded";
}

export function judge(figure: Figure, costs: BasicCosts): Judged {
  if (figure.target === undefined) return { figure, wanted: undefined, verdict: "recorded" };
  const slowness = figure.scale === "none" ? 1 : slownessOf(costs, figure.diskShare ?? 0);
  const wanted = figure.better === "more" ? figure.target / slowness : figure.target * slowness;
  const reached = figure.better === "more" ? figure.value >= wanted : figure.value <= wanted;
  return { figure, wanted, verdict: reached ? "reached" : "missed" };
}

/** How many times longer than on the reference machine the same work takes, `diskShare` of it being disk syncs. */
export function slownessOf(costs: BasicCosts, diskShare: number): number {
  const [cpu, disk] = [costs.hashNs / REFERENCE.hashNs, costs.syncMs / REFERENCE.syncMs];
  return (1 - diskShare) * cpu + diskShare * disk;
}
