/** Binary caches that vote: the daemon remembers and counts them, packages/nix asks them. */
import { createCacheVoters, type CacheVoterConfig } from "@trustix/nix";
import type { Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { NIX, type OpenCacheVoters } from "@trustix/protocol";
import type { Logger } from "pino";
import { systemClock } from "./system-clock.ts";

/** Of the time that a decision waits for votes: what comes in it still has to be judged and stored. */
const SHARE_OF_BUDGET = 0.9;

export function cacheVotersOf(config: Config, log: Logger): OpenCacheVoters {
  const policy = config.deciders.find(({ protocol }) => protocol.id === NIX.id);
  return (memory) =>
    createCacheVoters({
      voters: config.voters.map(voterOf),
      memory,
      crypto: nodeCrypto(),
      clock: systemClock,
      budgetMs: SHARE_OF_BUDGET * config.decisionBudgetMs,
      maxAgeMs: policy?.maxHeadAgeMs,
      onFault: (error) => log.error({ err: error }, "a binary cache's vote was lost"),
      onState: (voter, place, resting) => {
        if (resting) log.warn({ voter, place }, `${place} does not answer and is left alone for a while`);
        else log.info({ voter, place }, `${place} answers again`);
      },
    });
}

function voterOf({ info, ...voter }: Config["voters"][number]): CacheVoterConfig {
  return { ...voter, id: info.id };
}
