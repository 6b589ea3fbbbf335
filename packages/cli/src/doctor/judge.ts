/** All findings of all judges, in the order of their groups. Pure: the same facts, the same findings. */
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
  const publishes = read?.published.some(({ isNix }) => isNix) ?? false;
  const decides = read !== undefined && (read.followed.some(({ isNix }) => isNix) || read.caches.length > 0);
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
    ...judgeSpools(facts.spools, { now, uid, publishes, node }),
    ...judgeWaysIn(nix, read, decides),
  ];
}
