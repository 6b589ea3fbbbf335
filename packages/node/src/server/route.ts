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

/** `public`: on every listener. `private`: only where the listener is configured to serve the node's own user. */
export type Access = "public" | "private";

/** What a call may know about itself. */
export interface CallContext {
  /** Aborts when the deadline passes, the caller goes away or the server closes. */
  readonly signal: AbortSignal;
}

export interface Route {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly method: DescMethodUnary;
  readonly access: Access;
  /** Needs an authenticated caller. */
  readonly write: boolean;
  /** `request` has all its required fields. */
  readonly handle: (request: Message, call: CallContext) => Promise<Message>;
}

/** A read. Use `writeRoute` for what needs a token. */
export function readRoute<I extends DescMessage, O extends DescMessage>(
  access: Access,
  method: DescMethodUnary<I, O>,
  handle: (request: MessageShape<I>, call: CallContext) => Promise<MessageInitShape<O>>,
): Route {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    method,
    access,
    write: false,
    handle: async (request, call) => create(method.output, await handle(request as MessageShape<I>, call)),
  };
}

/** A call that changes a log: private, and only with a write token. */
export function writeRoute<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handle: (request: MessageShape<I>, call: CallContext) => Promise<MessageInitShape<O>>,
): Route {
  return { ...readRoute("private", method, handle), write: true };
}
