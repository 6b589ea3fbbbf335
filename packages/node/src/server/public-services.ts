/**
 * What anybody may ask: `NodeAPI`, `LogAPI`, `LogExt`. They answer for published logs only: which logs this node follows
 * tells what its user runs.
 */
import { create, isFieldSet } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  GetMapValueRequestSchema,
  LogAPI,
  LogExt,
  MapValueResponseSchema,
  NodeAPI,
  type GetMapValueRequest,
} from "@trustix/proto";
import { headToWire, logToWire, mapEntryBytes, mapProofToWire, sizeOf, type LogInfo } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { PublishedLog, ServerParts } from "./parts.ts";
import { readLeaves } from "./read-leaves.ts";
import { hashField, publishedLog, rangeField } from "./request-fields.ts";
import { readRoute, type Route } from "./route.ts";

export function publicRoutes(parts: ServerParts): Route[] {
  const log = (request: { readonly LogID: string }) => publishedLog(parts, request.LogID);
  return [
    readRoute("public", NodeAPI.method.logs, async ({ Protocols }) => {
      const infos = [...parts.published.values()].map(({ reader }) => reader.info);
      return { Logs: ofProtocols(infos, Protocols).map(logToWire) };
    }),
    readRoute("public", NodeAPI.method.getValue, async ({ Digest }) => ({
      Value: await publishedValue(parts, Digest),
    })),
    readRoute("public", LogAPI.method.getHead, async (request) => headToWire(await log(request).reader.head())),
    readRoute("public", LogAPI.method.getLogConsistencyProof, async (request) => {
      const [first, second] = [sizeOf("FirstSize", request.FirstSize), sizeOf("SecondSize", request.SecondSize)];
      return { Proof: await log(request).reader.consistencyProof(first, second) };
    }),
    readRoute("public", LogAPI.method.getLogAuditProof, async (request) => {
      const [index, size] = [sizeOf("Index", request.Index), sizeOf("TreeSize", request.TreeSize)];
      return { Proof: await log(request).reader.auditProof(index, size) };
    }),
    readRoute("public", LogAPI.method.getLogEntries, async (request) => {
      const { reader } = log(request);
      const range = rangeField(request.Start, request.Finish, parts.limits.entries);
      return { Leaves: await readLeaves((a, b) => reader.entries(a, b), range, parts.limits.answerBytes) };
    }),
    readRoute("public", LogAPI.method.getMapValue, async (request) => mapValue(log(request), request)),
    readRoute("public", LogAPI.method.getMHLogConsistencyProof, async (request) => {
      const [first, second] = [sizeOf("FirstSize", request.FirstSize), sizeOf("SecondSize", request.SecondSize)];
      return { Proof: await log(request).reader.mhConsistencyProof(first, second) };
    }),
    readRoute("public", LogAPI.method.getMHLogAuditProof, async (request) => {
      const [index, size] = [sizeOf("Index", request.Index), sizeOf("TreeSize", request.TreeSize)];
      return { Proof: await log(request).reader.mhAuditProof(index, size) };
    }),
    readRoute("public", LogAPI.method.getMHLogEntries, async (request) => {
      const { reader } = log(request);
      const range = rangeField(request.Start, request.Finish, parts.limits.entries);
      return { Leaves: await readLeaves((a, b) => reader.mhEntries(a, b), range, parts.limits.answerBytes) };
    }),
    readRoute("public", LogExt.method.getValues, ({ Digests }) => manyValues(parts, Digests)),
  ];
}

/** Logs of the protocols named by id or name; all logs when none is named. */
export function ofProtocols(infos: readonly LogInfo[], protocols: readonly string[]): LogInfo[] {
  if (protocols.length === 0) return [...infos];
  const wanted = new Set(protocols);
  return infos.filter(({ protocol }) => wanted.has(protocol.id) || wanted.has(protocol.name));
}

/** Throws `invalid_argument`, `not_found`. */
export async function publishedValue(parts: ServerParts, digest: Uint8Array): Promise<Uint8Array> {
  const [value] = await parts.values.getMany([hashField("Digest", digest)]);
  if (value === undefined) throw new NodeError("not_found", "no published log has a value with this digest");
  return value;
}

async function mapValue({ reader }: PublishedLog, request: GetMapValueRequest) {
  const { entry, proof } = await reader.mapValue(request.Key, hashField("MapRoot", request.MapRoot));
  const Proof = mapProofToWire(proof);
  if (entry !== undefined) {
    const isAsked = isFieldSet(request, GetMapValueRequestSchema.field.TreeSize);
    const LogProof = isAsked ? await reader.auditProof(entry.index, sizeOf("TreeSize", request.TreeSize)) : [];
    return { Value: mapEntryBytes(entry.digest, entry.index), Proof, LogProof };
  }
  // The proof of absence goes with the error: an answer without it would have to be believed.
  const absence = create(MapValueResponseSchema, { Value: new Uint8Array(0), Proof });
  const message = `log ${reader.info.id}: the key is absent under this map root`;
  throw new ConnectError(message, Code.NotFound, undefined, [{ desc: MapValueResponseSchema, value: absence }]);
}

/** Values are read in steps of so many, so that an answer is cut short before much more than it is held. */
const VALUES_STEP = 16;

async function manyValues(parts: ServerParts, digests: readonly Uint8Array[]) {
  const { limits, values } = parts;
  if (digests.length > limits.values) {
    throw new NodeError("too_large", `${digests.length} digests came, at most ${limits.values} in one call`);
  }
  digests.forEach((digest, i) => hashField(`Digests[${i}]`, digest));
  const found: { Digest: Uint8Array; Value: Uint8Array }[] = [];
  let room = limits.answerBytes - digests.length * 40;
  for (let at = 0; at < digests.length; at += VALUES_STEP) {
    const step = digests.slice(at, at + VALUES_STEP);
    const got = await values.getMany(step);
    for (const [i, value] of got.entries()) {
      if (value === undefined) continue;
      room -= value.length + 50;
      // The first value is sent whatever its size: a caller that asks for one at a time always gets on.
      if (room < 0 && found.length > 0) return { Values: found, Left: digests.slice(at + i) };
      found.push({ Digest: step[i]!, Value: value });
    }
  }
  return { Values: found, Left: [] };
}
