/** What the daemon tells the person who reads its log, of events of its parts. */
import { describeEvidence } from "@trustix/client";
import { toBase64 } from "@trustix/crypto";
import type { Standing } from "@trustix/decider";
import type { Logger } from "pino";
import type { MirrorEvent } from "./mirror/index.ts";
import type { KeptEvidence } from "./model.ts";
import type { FollowerEvent } from "./subscriber/index.ts";

export function tellOfHead(log: Logger, event: FollowerEvent): void {
  if (event.kind === "peer_fails")
    return log.warn({ peer: event.peer, why: event.why }, "heads are not compared with a peer");
  const about = { log: event.logId, remote: event.remote };
  switch (event.kind) {
    case "taken":
      return log.info({ ...about, treeSize: event.head.treeSize }, "head taken");
    case "unreachable":
      return log.warn({ ...about, why: event.why }, "remote is unreachable");
    case "refused":
      return log.error({ ...about, why: event.why }, "head refused");
    case "failed":
      return log.error({ ...about, why: event.why }, "head could not be stored");
  }
}

/** Once for each proof: the log's votes, and `trustix evidence`, say it from then on. */
export function tellOfEvidence(log: Logger, { id, evidence, origin }: KeptEvidence, names: readonly string[]): void {
  const about = { evidence: id, kind: evidence.kind, publicKey: toBase64(evidence.publicKey), origin };
  log.error(
    { ...about, why: describeEvidence(evidence) },
    `${names.join(", ")} is proved to have lied: evidence is kept`,
  );
}

export function tellOfCopy(log: Logger, event: MirrorEvent): void {
  const about = { log: event.logId };
  switch (event.kind) {
    case "progress": {
      const { entries, target, rate } = event;
      const secondsLeft = Math.ceil((target - entries) / Math.max(rate, 1));
      return log.info({ ...about, entries, target, rate: Math.round(rate), secondsLeft }, "copying");
    }
    case "served":
      return log.info({ ...about, treeSize: event.head.treeSize }, "copied, and every entry checked");
    case "stuck":
      return log.warn({ ...about, why: event.why }, "the log cannot be copied now");
    case "lie":
      return log.error(
        { ...about, why: event.why },
        "the log's head does not fit its entries: nothing is served under it",
      );
    case "failed":
      return log.error({ ...about, err: event.error }, "copying failed");
  }
}

export function tellOfStanding(log: Logger, { logId, standing, reasons }: Standing, name: string): void {
  const about = { voter: name, id: logId, standing, reasons };
  if (standing === "good") log.info(about, `${name} is in good standing`);
  else log.error(about, `${name} is ${standing}: ${reasons[0]}`);
}
