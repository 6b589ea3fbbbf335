/** All findings of all judges, in the order of their groups. Pure: the same facts, the same findings. */
import { NIX } from "@trustix/protocol";
import type { Facts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { judgeClocks } from "./judge-clocks.ts";
import { judgeConfiguration, judgeNode, judgeState } from "./judge-configuration.ts";
import { judgeHeadAge } from "./judge-head-age.ts";
import { judgeHook } from "./judge-hook.ts";
import { judgeKeys } from "./judge-keys.ts";
import { judgeNix } from "./judge-nix.ts";
import { judgeReachability } from "./judge-reachability.ts";
import { judgeSpools } from "./judge-spool.ts";
import { judgeWaysIn } from "./judge-ways-in.ts";

export function judge(facts: Facts): Finding[] {
  const { configuration, node, state, asked, nix, uid, now } = facts;
  const read = configuration.kind === "read" ? configuration : undefined;
  const { publishes, decides } = rolesIn(facts);
  return [
    ...judgeConfiguration(configuration),
    ...judgeState(state, uid),
    ...judgeNode(node, configuration, state),
    ...judgeKeys(facts.secrets, uid),
    ...judgeClocks(asked, node),
    ...judgeReachability(asked, node),
    ...judgeHeadAge(node, read),
    ...judgeNix(nix, asked, decides),
    ...judgeHook(facts.hook, nix, publishes),
    ...judgeSpools(facts.spools, { now, uid, publishes: publishes ?? false, node }),
    ...judgeWaysIn(nix, read, decides),
  ];
}

/**
 * Whether the node publishes for Nix, and whether it has anybody to decide by: as its configuration says, else as it says
 * itself. `undefined`: neither can be read.
 */
function rolesIn({ configuration, node }: Facts): Record<"publishes" | "decides", boolean | undefined> {
  if (configuration.kind === "read") {
    const { published, followed, caches } = configuration;
    return {
      publishes: published.some(({ isNix }) => isNix),
      decides: followed.some(({ isNix }) => isNix) || caches.length > 0,
    };
  }
  if (node.kind === "away") return { publishes: undefined, decides: undefined };
  const { Published, Followed, Caches } = node.status;
  return {
    publishes: Published.some(({ Log }) => Log?.Protocol === NIX.id),
    decides: Followed.some(({ Log }) => Log?.Protocol === NIX.id) || Caches.length > 0,
  };
}
