/**
 * A route is one call of one service: who may make it, and what it does. Services are lists of routes; the wire
 * protocols (Connect, gRPC, gRPC-Web) all run the same routes through the same gate.
 */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { ServerLimits } from "./parts.ts";

/**
 * Who may make a call.
 *
 *     public   anybody, on every listener
 *     private  the node's own user: whoever may connect to a local socket; elsewhere, where the listener serves such
 *              calls, the holder of a write token
 *     writer   the holder of a write token, where private calls are served
 *     peer     the holder of a peer's token, on every listener
 *     owner    the holder of the node's own token, on local sockets alone
 *
 * A token shows itself by a signed call, or, on a local socket, by the existing protocol's header.
 */
export type Access = "public" | "private" | "writer" | "peer" | "owner";

/** Who makes a call: the holder of a token this node knows. */
export interface Caller {
  readonly name: string;
}

/** What a call may know about itself. */
export interface CallContext {
  /** `undefined`: nobody said, or nobody has to be believed here. */
  readonly caller: Caller | undefined;
  /** Aborts when the deadline passes, the caller goes away or the server closes. */
  readonly signal: AbortSignal;
  /** The deadline: milliseconds since 1970. */
  readonly endsAt: number;
}

export interface Route {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly method: DescMethodUnary;
  readonly access: Access;
  /** `request` has all its required fields. */
  readonly handle: (request: Message, call: CallContext) => Promise<Message>;
}

/** A key of 64 KiB and two hashes, in JSON. */
const OPEN_CALL_BYTES = 128 << 10;
/** Of a digest in JSON. */
const DIGEST_BYTES = 64;

/**
 * Bytes of a call's request at most. Who need not say who they are get no more than they can ask for: empty fields take a
 * hundred times as much in memory as on the wire.
 */
export function requestBytes({ access }: Route, limits: ServerLimits): number {
  if (access !== "public" && access !== "peer") return limits.messageBytes;
  return Math.min(limits.messageBytes, Math.max(OPEN_CALL_BYTES, limits.values * DIGEST_BYTES));
}

type Handle<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: CallContext,
) => Promise<MessageInitShape<O>>;

/** A read. */
export function readRoute<I extends DescMessage, O extends DescMessage>(
  access: "public" | "private" | "peer",
  method: DescMethodUnary<I, O>,
  handle: Handle<I, O>,
): Route {
  return routeFor(access, method, handle);
}

/** A call that changes a log. */
export function writeRoute<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handle: Handle<I, O>,
): Route {
  return routeFor("writer", method, handle);
}

/** A call that changes who may call. */
export function ownerRoute<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handle: Handle<I, O>,
): Route {
  return routeFor("owner", method, handle);
}

function routeFor<I extends DescMessage, O extends DescMessage>(
  access: Access,
  method: DescMethodUnary<I, O>,
  handle: Handle<I, O>,
): Route {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    method,
    access,
    handle: async (request, call) => create(method.output, await handle(request as MessageShape<I>, call)),
  };
}
