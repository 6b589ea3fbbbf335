/**
 * `trustix status`: first what is wrong, then logs, sizes, age of heads, reachability, what waits. Exit 1 when something is
 * wrong; what mends itself, such as a remote that is down, is told as WAITING and is no failure.
 */
import { toHex } from "@trustix/crypto";
import {
  NodeExt,
  RemoteStatus_States,
  type CacheStatus,
  type FollowedStatus,
  type PublishedStatus,
  type RemoteStatus,
  type StatusResponse,
} from "@trustix/proto";
import { findProtocol } from "@trustix/protocol";
import { EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { copyJson, copyOf, describeCopy, stateOf } from "../copies.ts";
import { counted, lasting } from "../words.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const status = await node.call(NodeExt.method.status, {});
    if (input.on("json")) input.io.out(JSON.stringify(statusJson(status)));
    else for (const line of statusLines(status, node.address)) input.io.out(line);
    return troublesOf(status).some(({ mendsItself }) => !mendsItself) ? EXIT.failed : EXIT.done;
  });

export interface Trouble {
  /** The name of the log, or of the cache. */
  readonly log: string;
  readonly what: string;
  /** What to do, where that is not plain. */
  readonly remedy?: string;
  /** Nobody needs to do anything: a remote that is down comes back. */
  readonly mendsItself: boolean;
}

export function troublesOf(status: StatusResponse): Trouble[] {
  return [...voterTroubles(status), ...status.Followed.flatMap(copyTroubles)];
}

/** Without those of copies. */
export function voterTroubles({ Published, Followed, Caches }: StatusResponse): Trouble[] {
  return [
    ...Published.flatMap(publishedTroubles),
    ...Followed.flatMap(followedTroubles),
    ...Caches.flatMap(cacheTroubles),
  ];
}

/** A cache that is asked at several places needs one of them. */
function cacheTroubles({ Name, Places }: CacheStatus): Trouble[] {
  if (Places.some(({ Resting }) => !Resting)) return [];
  return [{ log: Name, what: "it does not answer and is left alone for a while", mendsItself: true }];
}

function publishedTroubles({ Name, Stopped }: PublishedStatus): Trouble[] {
  return Stopped === "" ? [] : [{ log: Name, what: `it signs nothing: ${Stopped}`, mendsItself: false }];
}

const CONVICTED_REMEDY =
  "`trustix evidence list` has the proof, `trustix builders` its standing; take it out of [[subscribers]], or pardon it if you know better";

/** Of a key that lied the log is told, once. Else one remote that serves the log is enough; a head that was refused is told however many there are. */
function followedTroubles({ Name, Remotes, Against }: FollowedStatus): Trouble[] {
  if (Against !== "") {
    const what = `its own key signed the proof against it: ${Against}; nothing it says counts any more, whoever serves it`;
    return [{ log: Name, what, remedy: CONVICTED_REMEDY, mendsItself: false }];
  }
  const trouble = (what: string, mendsItself = false): Trouble => ({ log: Name, what, mendsItself });
  const refused = Remotes.filter((remote) => remote.State === RemoteStatus_States.REFUSED && !lacksLog(remote));
  const told = refused.map(({ URL, Why }) => trouble(`what ${URL} says of it was refused: ${Why}`));
  const others = Remotes.filter((remote) => !refused.includes(remote));
  if (told.length > 0 || others.some(({ State }) => State === RemoteStatus_States.REACHABLE)) return told;
  if (Remotes.length === 0) return [trouble("no remote is configured, so that it cannot be followed")];
  if (others.every(lacksLog)) return [trouble("no remote serves it: `remotes` names none that publishes this log")];
  const down = others.filter(({ State }) => State === RemoteStatus_States.UNREACHABLE);
  return down.length === 0 ? [] : [trouble(`no remote that could serve it is reachable`, true)];
}

/** A log that lies is somebody's business; one that is held up is tried again. */
function copyTroubles(log: FollowedStatus): Trouble[] {
  if (log.Against !== "") return [];
  const copy = copyOf(log);
  const why = copy?.why ?? "";
  switch (copy && stateOf(copy)) {
    case "lie":
      return [{ log: log.Name, what: `it lies: ${why}`, mendsItself: false }];
    case "held up":
      return [{ log: log.Name, what: `its copy is held up: ${why}`, mendsItself: true }];
    default:
      return [];
  }
}

/** Every remote is asked for every followed log: most have only some of them. */
function lacksLog({ State, Why }: RemoteStatus): boolean {
  return State === RemoteStatus_States.REFUSED && Why.startsWith("it answers not_found");
}

function statusLines(status: StatusResponse, address: string): string[] {
  const now = Number(status.Now);
  const lines = [`node ${status.Version} at ${address}`];
  const isNothing = status.Published.length + status.Followed.length + status.Caches.length === 0;
  if (isNothing) lines.push("no log and no cache is configured");
  const isCache = (name: string): boolean => status.Caches.some(({ Name }) => Name === name);
  for (const { log, what, remedy, mendsItself } of troublesOf(status)) {
    lines.push(`${mendsItself ? "WAITING" : "WRONG"}: ${isCache(log) ? "cache" : "log"} ${log}: ${what}`);
    if (remedy !== undefined) lines.push(`  ${remedy}`);
  }
  for (const log of status.Published) lines.push(...publishedLines(log, now));
  for (const log of status.Followed) lines.push(...followedLines(log, now));
  for (const cache of status.Caches) lines.push(...cacheLines(cache));
  return lines;
}

function cacheLines({ Name, LogID, Places, Entries }: CacheStatus): string[] {
  return [
    `cache ${Name} ${LogID} (nix): ${counted(Entries, "claim", "claims")} written down here`,
    ...Places.map(({ URL, Resting }) => `  ${URL} ${Resting ? "left alone after it failed" : "asked"}`),
  ];
}

function publishedLines(log: PublishedStatus, now: number): string[] {
  const parts = [
    counted(log.Head?.TreeSize ?? 0n, "entry", "entries"),
    `${log.Waiting} waiting`,
    ...(log.Refused > 0n ? [`${log.Refused} refused`] : []),
    log.LastFlush === 0n ? "no flush yet" : `last flush ${lasting(now - Number(log.LastFlush))} ago`,
  ];
  return [
    `published ${log.Name} ${log.Log?.LogID ?? ""} (${protocolName(log.Log?.Protocol)}): ${parts.join(", ")}`,
    ...(log.Stopped === "" ? [] : [`  STOPPED: ${log.Stopped}`]),
  ];
}

function followedLines(log: FollowedStatus, now: number): string[] {
  const copy = copyOf(log);
  const head =
    log.Head === undefined
      ? "no head yet"
      : `${counted(log.Head.TreeSize, "entry", "entries")}, head confirmed ${lasting(now - Number(log.HeadSeenAt))} ago`;
  return [
    `followed ${log.Name} ${log.Log?.LogID ?? ""} (${protocolName(log.Log?.Protocol)}): ${head}`,
    ...(copy?.target === undefined ? [] : [`  copy ${describeCopy(copy, now)}`]),
    ...(log.Against === ""
      ? remoteLines(log.Remotes, now)
      : [`  CONVICTED ${lasting(now - Number(log.AgainstSince))} ago: nobody is asked for it any more`]),
  ];
}

/** Remotes without the log are counted, not listed: with ten logs at ten remotes they would be ninety lines. */
function remoteLines(remotes: readonly RemoteStatus[], now: number): string[] {
  const lines = remotes
    .filter((remote) => !lacksLog(remote))
    .map(({ URL, State, Since, Why }) => {
      const since = State === RemoteStatus_States.UNKNOWN ? "" : ` for ${lasting(now - Number(Since))}`;
      return `  ${URL} ${STATE_WORDS[State]}${since}${Why === "" ? "" : `: ${Why}`}`;
    });
  const lacking = remotes.length - lines.length;
  if (lacking === 0) return lines;
  const others = lines.length === 0 ? "" : " other";
  return [...lines, `  not at ${lacking}${others} remote${lacking === 1 ? "" : "s"}`];
}

const STATE_WORDS: Readonly<Record<RemoteStatus_States, string>> = {
  [RemoteStatus_States.UNKNOWN]: "not asked yet",
  [RemoteStatus_States.REACHABLE]: "reachable",
  [RemoteStatus_States.UNREACHABLE]: "unreachable",
  [RemoteStatus_States.REFUSED]: "REFUSED",
};

function protocolName(id: string | undefined): string {
  return findProtocol(id ?? "")?.name ?? id ?? "";
}

function statusJson(status: StatusResponse): object {
  return {
    version: status.Version,
    now: Number(status.Now),
    wrong: troublesOf(status),
    published: status.Published.map((log) => ({
      ...logJson(log),
      waiting: Number(log.Waiting),
      refused: Number(log.Refused),
      ...(log.Stopped !== "" && { stopped: log.Stopped }),
      ...(log.LastFlush !== 0n && { lastFlush: Number(log.LastFlush) }),
    })),
    followed: status.Followed.map(followedJson),
    caches: status.Caches.map(({ Name, LogID, Places, Log, Entries }) => ({
      id: LogID,
      name: Name,
      places: Places.map(({ URL, Resting }) => ({ url: URL, resting: Resting })),
      localLog: Log?.LogID ?? "",
      entries: Number(Entries),
    })),
  };
}

function followedJson(log: FollowedStatus): object {
  const copy = copyOf(log);
  return {
    ...logJson(log),
    ...(log.HeadSeenAt !== 0n && { headSeenAt: Number(log.HeadSeenAt) }),
    ...(log.Against !== "" && { against: { since: Number(log.AgainstSince), why: log.Against } }),
    ...(copy !== undefined && { copy: copyJson(copy) }),
    remotes: log.Remotes.map(({ URL, State, Since, Why }) => ({
      url: URL,
      state: RemoteStatus_States[State].toLowerCase(),
      ...(Since !== 0n && { since: Number(Since) }),
      ...(Why !== "" && { why: Why }),
    })),
  };
}

function logJson({ Log, Name, Head }: PublishedStatus | FollowedStatus): object {
  return {
    id: Log?.LogID ?? "",
    name: Name,
    protocol: protocolName(Log?.Protocol),
    ...(Head !== undefined && {
      treeSize: Number(Head.TreeSize),
      logRoot: toHex(Head.LogRoot),
      mapRoot: toHex(Head.MapRoot),
    }),
  };
}
