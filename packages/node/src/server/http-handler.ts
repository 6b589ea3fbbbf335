/**
 * What one listener answers, for both versions of HTTP: the calls of the services it serves, `/healthz`, and
 * `/metrics` where it is wanted. Everything else is told what is wrong, as JSON that RPC clients can show.
 */
import type { ServerResponse } from "node:http";
import { connectFormat, serveConnectUnary, type AnyResponse } from "./connect-unary.ts";
import type { Gate } from "./gate.ts";
import { grpcHandler } from "./grpc.ts";
import { isLocal, type ListenerOptions } from "./listener-options.ts";
import type { ServerParts } from "./parts.ts";
import { peerRoutes } from "./peer-services.ts";
import { privateRoutes } from "./private-services.ts";
import { publicRoutes } from "./public-services.ts";
import { discardBody, type AnyRequest } from "./read-body.ts";
import type { Access, Route } from "./route.ts";
import { tokenRoutes } from "./token-services.ts";

export type HttpHandler = (request: AnyRequest, response: AnyResponse) => void;

const ACCEPTED = [
  "application/proto",
  "application/json",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc+json",
  "application/grpc-web",
  "application/grpc-web+proto",
  "application/grpc-web+json",
].join(", ");

export function httpHandler(parts: ServerParts, gate: Gate, options: ListenerOptions): HttpHandler {
  const { limits } = parts;
  const everything = [...publicRoutes(parts), ...privateRoutes(parts), ...peerRoutes(parts), ...tokenRoutes(parts)];
  const routes = everything.filter((route) => isServed(route.access, options));
  const byPath = new Map(routes.map((route) => [route.path, route]));
  const elsewhere = new Map(everything.map((route) => [route.path, route.access]));
  const connect = { gate, limits, permissions: { ...options, local: isLocal(options.address) } };
  const grpc = grpcHandler(connect, routes);

  const serveCall = (route: Route, request: AnyRequest, response: AnyResponse) => {
    if (request.method !== "POST") {
      return refuse(request, response, 405, `${request.method} came, POST wanted`, { allow: "POST" });
    }
    const contentType = request.headers["content-type"];
    const format = connectFormat(contentType);
    if (format !== undefined) return serveConnectUnary(connect, route, format, request, response);
    if (contentType !== undefined && /^application\/grpc(-web)?(\+(proto|json))?(;|$)/i.test(contentType)) {
      return grpc(route, request, response);
    }
    const came = contentType === undefined ? "no Content-Type" : `Content-Type ${JSON.stringify(contentType)}`;
    return refuse(request, response, 415, `${came} came, one of these wanted: ${ACCEPTED}`, {
      "accept-post": ACCEPTED,
    });
  };

  const refuse = (
    request: AnyRequest,
    response: AnyResponse,
    status: number,
    message: string,
    headers: Record<string, string> = {},
  ) => {
    discardBody(request, limits.messageBytes);
    const code = status === 415 ? "invalid_argument" : "unimplemented";
    page(response, status, "application/json", JSON.stringify({ code, message }), headers);
  };

  return (request, response) => {
    // A connection that breaks while we answer is no news, and without listeners it would end the process.
    request.on("error", () => {});
    response.on("error", () => {});
    const url = request.url ?? "";
    const query = url.indexOf("?");
    const path = query < 0 ? url : url.slice(0, query);
    const route = byPath.get(path);
    if (route !== undefined) return serveCall(route, request, response);
    if (path === "/healthz" || (path === "/metrics" && options.metrics)) {
      if (request.method !== "GET" && request.method !== "HEAD") {
        return refuse(request, response, 405, `${request.method} came, GET wanted`, { allow: "GET, HEAD" });
      }
      discardBody(request, limits.messageBytes);
      if (path === "/healthz") return page(response, 200, "application/json", JSON.stringify(health(parts)));
      return void metricsPage(gate, response);
    }
    return refuse(request, response, 404, whyNothing(path, elsewhere.get(path)));
  };
}

function isServed(access: Access, { address, private: isPrivate }: ListenerOptions): boolean {
  if (access === "public" || access === "peer") return true;
  return isPrivate && (access !== "owner" || isLocal(address));
}

function whyNothing(path: string, access: Access | undefined): string {
  if (access === undefined) return `nothing is served at ${JSON.stringify(path.slice(0, 200))}`;
  const orElse = access === "owner" ? "" : ", or set private = true for this listener";
  return `${path} is private and not served on this listener\nhint: use the unix socket${orElse}`;
}

/** Whether all is well; not why: this is public. */
function health(parts: ServerParts): { status: "ok" | "degraded" } {
  const stopped = [...parts.published.values()].some(({ publisher }) => publisher.status().stopped !== undefined);
  return { status: stopped ? "degraded" : "ok" };
}

async function metricsPage(gate: Gate, response: AnyResponse): Promise<void> {
  const { registry } = gate.metrics;
  try {
    page(response, 200, registry.contentType, await registry.metrics());
  } catch (error) {
    gate.fault(error, "metrics failed");
    page(response, 500, "text/plain", "metrics failed\n");
  }
}

function page(
  response: AnyResponse,
  status: number,
  contentType: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(body);
  const all = {
    "content-type": contentType,
    "content-length": bytes.length,
    "x-content-type-options": "nosniff",
    ...headers,
  };
  (response as ServerResponse).writeHead(status, all);
  (response as ServerResponse).end(bytes);
}
