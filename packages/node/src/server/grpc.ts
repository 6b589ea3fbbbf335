/**
 * gRPC and gRPC-Web, by the general library. Its handlers run the same routes through the same gate; what it does not
 * bound itself (a caller that never finishes its body or never reads) is bounded here.
 */
import type { ServerResponse } from "node:http";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { SIGNED_CALL_HEADER, TOKEN_HEADER } from "@trustix/protocol";
import type { AnyResponse, ConnectUnary } from "./connect-unary.ts";
import type { Call } from "./gate.ts";
import type { AnyRequest } from "./read-body.ts";
import { requestBytes, type Route } from "./route.ts";
import { codeName, rpcError, toRpcError } from "./rpc-error.ts";

/** What one exchange carries from the gate to the handler. */
interface Exchange {
  call: Call | undefined;
  code: string;
  /** Ends the connection or stream. */
  readonly cut: () => void;
}
const EXCHANGE = createContextKey<Exchange>({ call: undefined, code: "canceled", cut: () => {} });

/** Answers one call in either protocol. Never throws, never rejects. */
export type GrpcHandler = (route: Route, request: AnyRequest, response: AnyResponse) => void;

/** Given to a call beyond its deadline to be told so; then its connection or stream is ended. */
const LAST_WORD_MS = 1000;

export function grpcHandler({ gate, limits, permissions }: ConnectUnary, routes: readonly Route[]): GrpcHandler {
  const byMethod = new Map<DescMethod, Route>(routes.map((route) => [route.method, route]));
  const router = createConnectRouter({
    connect: false,
    acceptCompression: [compressionGzip],
    writeMaxBytes: limits.answerBytes,
    jsonOptions: { ignoreUnknownFields: true },
    requestGate: (context) => {
      const exchange = context.values.get(EXCHANGE);
      const route = byMethod.get(context.method)!;
      if (context.requestHeader.has(SIGNED_CALL_HEADER)) throw gate.refused(route, notSigned());
      const token = context.requestHeader.get(TOKEN_HEADER) ?? undefined;
      const call = gate.enter(route, permissions, { token, signed: undefined }, context.timeoutMs());
      // The library waits for the body whatever we say, so there is nothing to do but to cut it off.
      call.onFail = () => {
        if (!call.bodyThere) exchange.cut();
      };
      exchange.call = call;
    },
  });
  for (const route of routes) {
    const answerCall = async (request: Message, context: HandlerContext) => {
      const exchange = context.values.get(EXCHANGE);
      try {
        const call = exchange.call!;
        const output = await call.race((async () => gate.run(call, request))());
        exchange.code = "ok";
        return output;
      } catch (thrown) {
        const error = gate.logged(route, toRpcError(thrown));
        exchange.code = codeName(error);
        throw error;
      }
    };
    router.rpc(route.method, answerCall, { readMaxBytes: requestBytes(route, limits) });
  }
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (route, request, response) => {
    const cut = () => void response.destroy();
    const exchange: Exchange = { call: undefined, code: "canceled", cut };
    const timer = setTimeout(cut, limits.callMs + LAST_WORD_MS);
    response.once("close", () => {
      clearTimeout(timer);
      if (!response.writableFinished) exchange.call?.fail(rpcError("unavailable", "the caller went away"));
      if (exchange.call !== undefined) gate.leave(exchange.call, exchange.code);
    });
    const hold = (bytes: number) => exchange.call !== undefined && gate.hold(exchange.call, bytes);
    answer(handlers.get(route.path)!, exchange, hold, request, response).catch((error: unknown) => {
      gate.logged(route, toRpcError(error));
      if (!response.headersSent) (response as ServerResponse).writeHead(400);
      response.end();
    });
  };
}

/**
 * A gRPC library writes and may compress the message after the last point at which its user can see the headers, so nobody
 * could sign what is sent; and ours reads it before we could compare.
 */
function notSigned(): ConnectError {
  const why = "signed calls are taken over the Connect protocol only: gRPC shows nobody the bytes to be signed";
  return rpcError("unauthenticated", `${why}\nhint: post to the same path with Content-Type application/proto`);
}

async function answer(
  handler: UniversalHandler,
  exchange: Exchange,
  hold: (bytes: number) => void,
  request: AnyRequest,
  response: AnyResponse,
): Promise<void> {
  const values = createContextValues().set(EXCHANGE, exchange);
  const universal = universalRequestFromNodeRequest(request, response as ServerResponse, undefined, values);
  try {
    const body = counted(universal.body as AsyncIterable<Uint8Array>, hold);
    await universalResponseToNodeResponse(await handler({ ...universal, body }), response as ServerResponse);
  } catch (error) {
    // The caller is gone: the library reports it by this code, and there is nobody left to answer.
    if (!(error instanceof ConnectError && error.code === Code.Aborted)) throw error;
  }
}

async function* counted(body: AsyncIterable<Uint8Array>, hold: (bytes: number) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    hold(chunk.length);
    yield chunk;
  }
}
