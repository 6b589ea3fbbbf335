/**
 * What only the node's own user may ask: `RPCApi`, `LogRPC`, `NodeExt`. Reads need no token where these are served;
 * Submit and Flush always do.
 */
import { isFieldSet } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  EvidenceRequestSchema,
  LogRPC,
  NodeExt,
  RefusedRequestSchema,
  RPCApi,
  SubmitResponse_Status,
  UndecidedSchema,
} from "@trustix/proto";
import { headToWire, logToWire, parseLogId, undecidedToWire, voteToWire, type LogId } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { DecideReport, LogReader, MirrorReader } from "../model.ts";
import { buildersResponse, overrideBuilder } from "./builder-status.ts";
import { decideManyResponse } from "./decide-many-response.ts";
import { explainResponse } from "./explain-response.ts";
import { evidenceFile, evidencePage, importEvidence } from "./kept-evidence.ts";
import { nodeStatus, refusedPage } from "./node-status.ts";
import type { ServerParts } from "./parts.ts";
import { ofProtocols, publishedValue } from "./public-services.ts";
import { readLeaves } from "./read-leaves.ts";
import { simulateResponse } from "./simulate-response.ts";
import { followedLog, hashField, publishedLog, rangeField } from "./request-fields.ts";
import { readRoute, writeRoute, type CallContext, type Route } from "./route.ts";

export function privateRoutes(parts: ServerParts): Route[] {
  const { limits } = parts;
  return [
    readRoute("private", RPCApi.method.logs, async ({ Protocols }) => {
      const all = [...parts.published.values()].map(({ reader }) => reader.info);
      for (const { info } of parts.follower.logs()) if (!parts.published.has(info.id)) all.push(info);
      return { Logs: ofProtocols(all, Protocols).map(logToWire) };
    }),
    readRoute("private", RPCApi.method.decide, async ({ Key, Protocol }, call) =>
      decisionToWire(await parts.decide.decide(Protocol, Key, call.signal)),
    ),
    readRoute("private", RPCApi.method.getValue, async ({ Digest }, call) => ({
      Value: await anyValue(parts, Digest, call),
    })),
    readRoute("private", LogRPC.method.getHead, async ({ LogID }) => headToWire(await anyHead(parts, LogID))),
    readRoute("private", LogRPC.method.getLogEntries, async (request) => {
      const id = parseLogId(request.LogID);
      const copy = parts.published.has(id) ? undefined : (localLog(parts, id) ?? parts.mirror.reader(id));
      if (copy === undefined && !parts.published.has(id) && followedLog(parts, id) !== undefined) {
        throw new NodeError(
          "not_found",
          `log ${id} is followed by its heads: its entries are at its remotes, not here`,
        );
      }
      const reader = copy ?? publishedLog(parts, id).reader;
      const range = rangeField(request.Start, request.Finish, limits.entries);
      return { Leaves: await readLeaves((a, b) => reader.entries(a, b), range, limits.answerBytes) };
    }),
    writeRoute(LogRPC.method.submit, async ({ LogID, Items }) => {
      const { publisher } = publishedLog(parts, LogID);
      if (Items.length > limits.submitItems) {
        throw new NodeError("too_large", `${Items.length} items came, at most ${limits.submitItems} in one call`);
      }
      const { refused } = await publisher.submit(Items.map(({ Key, Value }) => ({ key: Key, value: Value })));
      return { status: SubmitResponse_Status.OK, Refused: [...refused] };
    }),
    writeRoute(LogRPC.method.flush, async ({ LogID }) => {
      await publishedLog(parts, LogID).publisher.flush();
      return {};
    }),
    readRoute("private", NodeExt.method.status, () => nodeStatus(parts)),
    readRoute("private", NodeExt.method.refused, async (request) => {
      const after = isFieldSet(request, RefusedRequestSchema.field.After) ? request.After : undefined;
      return refusedPage(await publishedLog(parts, request.LogID).publisher.refused(after));
    }),
    readRoute("private", NodeExt.method.explain, (request, call) => explainResponse(parts, request, call)),
    readRoute("private", NodeExt.method.decideMany, (request, call) => decideManyResponse(parts, request, call.signal)),
    readRoute("private", NodeExt.method.simulate, (request, call) => simulateResponse(parts, request, call.signal)),
    readRoute("private", NodeExt.method.builders, async () => buildersResponse(parts)),
    writeRoute(NodeExt.method.overrideBuilder, (request) => overrideBuilder(parts, request)),
    readRoute("private", NodeExt.method.evidence, (request) => {
      return evidencePage(parts, isFieldSet(request, EvidenceRequestSchema.field.After) ? request.After : undefined);
    }),
    readRoute("private", NodeExt.method.getEvidence, async ({ ID }) => ({ File: await evidenceFile(parts, ID) })),
    // Nothing is believed that it does not prove, so it takes no token.
    readRoute("private", NodeExt.method.importEvidence, ({ File }) => importEvidence(parts, File)),
    readRoute("private", NodeExt.method.pathByHashPart, async ({ HashPart }) => ({
      Paths: await pathsByHashPart(parts, HashPart),
    })),
  ];
}

function decisionToWire({ decision, votes, reason }: DecideReport) {
  if (decision === undefined) {
    const value = undecidedToWire({ votes, reason });
    throw new ConnectError(reason, Code.FailedPrecondition, undefined, [{ desc: UndecidedSchema, value }]);
  }
  const agreeing = new Set(decision.logIds);
  return {
    Decision: {
      LogIDs: [...decision.logIds],
      Digest: decision.digest,
      Confidence: decision.confidence,
      Value: decision.value,
    },
    Mismatches: votes.flatMap(({ logId, digest }) =>
      digest !== undefined && !agreeing.has(logId) ? [{ LogID: logId, Digest: digest }] : [],
    ),
    Misses: votes.filter((vote) => vote.outcome !== "claims").map((vote) => vote.logId),
    Votes: votes.map(voteToWire),
  };
}

async function anyValue(parts: ServerParts, digest: Uint8Array, call: CallContext): Promise<Uint8Array> {
  const [own] = await parts.allValues.getMany([hashField("Digest", digest)]);
  if (own !== undefined) return own;
  const followed = parts.follower.logs().map(({ info }) => info.id);
  if (followed.length === 0) return publishedValue(parts, digest);
  const found = await parts.follower.value(digest, followed, call.signal);
  if (found === undefined) {
    throw new NodeError("not_found", "neither this node nor a reachable remote has a value with this digest");
  }
  return found;
}

async function anyHead(parts: ServerParts, logId: string) {
  const id = parseLogId(logId);
  const published = parts.published.get(id);
  if (published !== undefined) return published.reader.head();
  const local = localLog(parts, id);
  if (local !== undefined) return local.head();
  const followed = followedLog(parts, id);
  if (followed === undefined)
    throw new NodeError("not_found", `log ${id} is neither published nor followed by this node`);
  if (followed.head === undefined) {
    throw new NodeError("unavailable", `log ${id} (${followed.name}): no valid head came from its remotes yet`);
  }
  return followed.head;
}

/** Every different path under the hash part, in the order of the node's logs. */
async function pathsByHashPart(parts: ServerParts, hashPart: Uint8Array): Promise<Uint8Array[]> {
  if (hashPart.length !== 20) {
    throw new NodeError("invalid_argument", `HashPart: ${hashPart.length} bytes came, 20 wanted`);
  }
  const found = new Map<string, Uint8Array>();
  const copies = parts.follower.logs().flatMap(({ info }) => servedCopy(parts, info.id));
  const own = [...parts.published.values()].map((log) => log.reader);
  for (const reader of [...own, ...parts.caches.map(({ log }) => log), ...copies]) {
    const key = await reader.keyByHashPart(hashPart);
    if (key !== undefined) found.set(Buffer.from(key).toString("latin1"), key);
  }
  return [...found.values()];
}

/** What this node wrote down of a binary cache. */
function localLog({ caches }: ServerParts, logId: LogId): LogReader | undefined {
  return caches.find(({ log }) => log.info.id === logId)?.log;
}

function servedCopy({ mirror }: ServerParts, logId: LogId): MirrorReader[] {
  const reader = mirror.reader(logId);
  return reader === undefined || mirror.status(logId)?.served === undefined ? [] : [reader];
}
