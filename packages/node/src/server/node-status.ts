/** `NodeExt.Status` and `NodeExt.Refused`: the state of the node's logs, for its own user. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  RefusedClaim_Places,
  RemoteStatus_States,
  type RefusedResponseSchema,
  type StatusResponseSchema,
} from "@trustix/proto";
import { headToWire, logToWire, type LogHead } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type {
  FollowedLog,
  LogReader,
  MirrorStatus,
  Reachability,
  RefusedClaim,
  RefusedPage,
  VotingCache,
} from "../model.ts";
import type { PublishedLog, ServerParts } from "./parts.ts";

const STATES: Record<Reachability["state"], RemoteStatus_States> = {
  unknown: RemoteStatus_States.UNKNOWN,
  reachable: RemoteStatus_States.REACHABLE,
  unreachable: RemoteStatus_States.UNREACHABLE,
  refused: RemoteStatus_States.REFUSED,
};

export async function nodeStatus(parts: ServerParts): Promise<MessageInitShape<typeof StatusResponseSchema>> {
  const published = await Promise.all([...parts.published.values()].map(publishedStatus));
  return {
    Version: parts.version,
    ConfigFile: parts.configuration.file,
    ConfigRead: BigInt(parts.configuration.readAt),
    Now: BigInt(parts.clock.now()),
    Published: published,
    Followed: parts.follower.logs().map((log) => followedStatus(log, parts.mirror.status(log.info.id))),
    NodeKey: parts.receipts.publicKey,
    Caches: await Promise.all(parts.caches.map(cacheStatus)),
    Generation: [parts.generation(), ...published.map(({ Head }) => Head?.TreeSize ?? "-")].join(" "),
  };
}

async function cacheStatus({ logId, name, places, log }: VotingCache) {
  const head = await headIfAny(log);
  return {
    LogID: logId,
    Name: name,
    Places: places().map(({ url, resting }) => ({ URL: url, Resting: resting })),
    Log: logToWire(log.info),
    Entries: BigInt(head?.treeSize ?? 0),
  };
}

/** `undefined` for a log that was stopped before it published anything. */
export async function headIfAny(reader: Pick<LogReader, "head">): Promise<LogHead | undefined> {
  try {
    return await reader.head();
  } catch (error) {
    if (error instanceof NodeError && error.code === "unavailable") return undefined;
    throw error;
  }
}

async function publishedStatus({ name, reader, publisher }: PublishedLog) {
  const { waiting, refused, stopped, lastFlush } = publisher.status();
  const head = await headIfAny(reader);
  return {
    Log: logToWire(reader.info),
    Name: name,
    ...(head !== undefined && { Head: headToWire(head) }),
    Waiting: BigInt(waiting),
    Refused: BigInt(refused),
    ...(stopped !== undefined && { Stopped: stopped }),
    ...(lastFlush !== undefined && { LastFlush: BigInt(lastFlush) }),
  };
}

function followedStatus(log: FollowedLog, mirror: MirrorStatus | undefined) {
  return {
    Log: logToWire(log.info),
    Name: log.name,
    ...(log.head !== undefined && { Head: headToWire(log.head) }),
    ...(log.headSeenAt !== undefined && { HeadSeenAt: BigInt(log.headSeenAt) }),
    ...(log.against !== undefined && { Against: log.against.why, AgainstSince: BigInt(log.against.time) }),
    Remotes: log.remotes.map(({ url, reachability }) => ({
      URL: url,
      State: STATES[reachability.state],
      ...("since" in reachability && { Since: BigInt(reachability.since) }),
      ...("why" in reachability && { Why: reachability.why }),
    })),
    ...(mirror !== undefined && { Mirror: mirrorStatus(mirror) }),
  };
}

function mirrorStatus(mirror: MirrorStatus) {
  const { served, entries, valued, missing, target, behindSince, rate, why, isLie } = mirror;
  return {
    Entries: BigInt(entries),
    ...(target !== undefined && { Target: BigInt(target) }),
    ...(served !== undefined && { Served: headToWire(served) }),
    ...(valued !== undefined && { Valued: BigInt(valued) }),
    Missing: BigInt(missing),
    Rate: rate,
    ...(why !== undefined && { Why: why }),
    Lie: isLie,
    ...(behindSince !== undefined && { BehindSince: BigInt(behindSince) }),
  };
}

export function refusedPage({ claims, next }: RefusedPage): MessageInitShape<typeof RefusedResponseSchema> {
  return { Claims: claims.map(refusedClaim), ...(next !== undefined && { Next: next }) };
}

function refusedClaim({ key, value, standing, time, foundAt }: RefusedClaim) {
  return {
    Key: key,
    Value: value,
    Standing: standing,
    Time: BigInt(time),
    FoundAt: foundAt === "submit" ? RefusedClaim_Places.SUBMIT : RefusedClaim_Places.FLUSH,
  };
}
