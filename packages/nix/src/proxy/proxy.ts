/**
 * The binary cache proxy: what `nix.conf` names as a substituter. Serves what the voters decided on, signed with the local
 * key, and nothing else.
 *
 *     GET /nix-cache-info   GET /<hash part>.narinfo   GET /nar/...   (HEAD too)
 *     GET /explain/<hash part>   GET /healthz   GET /metrics
 *
 * A well-formed request of Nix is answered 200, 206, 404 or 416, never with an error of the server: a client would fail its whole
 * build for that, although another cache has the path.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { formatPublicCacheKey, printCacheInfo, STORE_DIR } from "@trustix/nix-formats";
import { Ahead } from "./ahead.ts";
import { Decisions } from "./decisions.ts";
import { decisionHeader, DECISION_HEADER } from "./decision-header.ts";
import { Decoders } from "./decoders.ts";
import { Encoders } from "./encoders.ts";
import { ExplainServer } from "./explain-server.ts";
import { ProxyMetrics } from "./metrics.ts";
import { PROXY_LIMITS, type ProxyLimits, type ProxyOptions } from "./model.ts";
import { NarInfos, type NarInfoAnswer } from "./narinfos.ts";
import { NarServer } from "./nar-server.ts";
import { findPrograms, type Programs } from "./programs.ts";
import { isPublicAddress } from "../http/public-address.ts";
import { Resolver } from "./resolver.ts";
import { routeOf, type Route } from "./route.ts";
import { SourceRecord } from "./source-record.ts";
import { Upstream } from "./upstream.ts";

export interface BinaryCacheProxy {
  /** Resolves when it listens, with where. Port 0 takes a free one. */
  listen(address: { host?: string; port: number } | { path: string } | { fd: number }): Promise<AddressInfo | string>;
  /** Takes no more requests, answers those under way for at most `grace` milliseconds (default 5000), then closes all. */
  close(grace?: number): Promise<void>;
}

const DEFAULT_PRIORITY = 30;
const DEFAULT_GRACE = 5000;
/** Clients keep connections for 90 s; the server must not close one they are about to use. */
const KEEP_ALIVE = 95_000;

/** Nothing listens yet. Throws `TypeError` for an upstream that is no http(s) URL. */
export async function createBinaryCacheProxy(options: ProxyOptions): Promise<BinaryCacheProxy> {
  const programs = options.programs ?? (await findPrograms(process.env["PATH"] ?? ""));
  return new CacheProxy(options, programs);
}

class CacheProxy implements BinaryCacheProxy {
  readonly #options: ProxyOptions;
  readonly #limits: ProxyLimits;
  readonly #metrics: ProxyMetrics;
  readonly #upstreams: readonly Upstream[];
  readonly #narInfos: NarInfos;
  readonly #narServer: NarServer;
  readonly #explainServer: ExplainServer;
  readonly #ahead: Ahead;
  readonly #server: Server;
  readonly #cacheInfo: NarInfoAnswer;

  constructor(options: ProxyOptions, programs: Programs) {
    const limits = { ...PROXY_LIMITS, ...options.limits };
    const decoders = new Decoders(programs);
    this.#options = options;
    this.#limits = limits;
    this.#metrics = new ProxyMetrics(() => options.receipts?.status());
    this.#upstreams = options.upstreams.map((config) => this.#upstream(config));
    const record = new SourceRecord(options.clock, limits.cacheBytes / 16);
    const resolver = new Resolver({
      proxy: options,
      limits,
      upstreams: this.#upstreams,
      decisions: new Decisions(options, limits),
      record,
      canDecode: ({ compression }) => decoders.supports(compression),
    });
    this.#narInfos = new NarInfos({
      proxy: options,
      limits,
      resolver,
      metrics: this.#metrics,
      onServed: (facts) => this.#ahead.follow(facts),
    });
    this.#ahead = new Ahead({
      queue: limits.aheadQueue,
      atOnce: limits.aheadAtOnce,
      isReady: (hashPart) => this.#narInfos.ready(hashPart) !== undefined,
      lookInto: (hashPart, path) =>
        this.#narInfos.answer(hashPart, path).catch((error: unknown) => {
          options.log.error({ err: error, path }, "looking ahead failed");
        }),
    });
    this.#narServer = new NarServer({
      proxy: options,
      limits,
      narInfos: this.#narInfos,
      resolver,
      record,
      decoders,
      encoders: new Encoders(programs),
      metrics: this.#metrics,
    });
    this.#explainServer = new ExplainServer({ proxy: options, limits, resolver });
    this.#cacheInfo = cacheInfo(options.priority ?? DEFAULT_PRIORITY);
    this.#server = this.#createServer();
  }

  #upstream(config: ProxyOptions["upstreams"][number]): Upstream {
    const { clock, log } = this.#options;
    return new Upstream({
      config,
      clock,
      limits: this.#limits,
      allowed: this.#options.allowAddress ?? isPublicAddress,
      onState: (label, state) => {
        this.#metrics.upstreamState(label, state);
        if (state === "resting") log.warn({ upstream: label }, `${label} failed and is left alone for a while`);
        if (state === "working") log.info({ upstream: label }, `${label} answers again`);
      },
      onAnswer: (label, outcome) => this.#metrics.upstreamAnswer(label, outcome),
    });
  }

  #createServer(): Server {
    const { requestHeadBytes, requestHead, connections, stall, decideBudget, waitBudget } = this.#limits;
    const server = createServer({
      maxHeaderSize: requestHeadBytes,
      headersTimeout: requestHead,
      requestTimeout: requestHead * 2,
      connectionsCheckingInterval: Math.max(100, Math.min(5000, requestHead / 4)),
      keepAliveTimeout: KEEP_ALIVE,
    });
    // A connection that neither side uses; NARs watch their own pauses.
    server.timeout = Math.max(stall, KEEP_ALIVE, 2 * (decideBudget + waitBudget));
    server.maxConnections = connections;
    server.on("request", (request, response) => this.#handle(request, response));
    // A request for `Expect: 100-continue` wants to send a body, and an upgrade another protocol: neither exists here.
    server.on("checkContinue", (request, response) => this.#handle(request, response));
    return server;
  }

  listen(address: Parameters<BinaryCacheProxy["listen"]>[0]): Promise<AddressInfo | string> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(address, () => {
        this.#server.off("error", reject);
        resolve(this.#server.address()!);
      });
    });
  }

  async close(grace = DEFAULT_GRACE): Promise<void> {
    this.#ahead.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = this.#options.clock.after(grace, () => this.#server.closeAllConnections());
    await closed;
    timer.cancel();
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()));
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const route = routeOf(request.url ?? "");
    response.once("finish", () => this.#metrics.request(route.kind, response.statusCode));
    // A client that goes away is no error of the server.
    response.on("error", () => undefined);
    if (request.method !== "GET" && request.method !== "HEAD") return this.#refuseMethod(response);
    const ready = route.kind === "narinfo" ? this.#narInfos.ready(route.hashPart) : undefined;
    if (ready !== undefined) return send(response, 200, ready.headers, ready.body);
    this.#answer(route, request, response).catch((error: unknown) => {
      this.#options.log.error({ err: error, target: request.url }, "a request failed");
      // Still no 5xx: the client goes on to its next cache.
      if (response.headersSent) response.destroy();
      else sendText(response, 404, "not served, see the proxy's log\n");
    });
  }

  async #answer(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (route.kind) {
      case "narinfo": {
        const answer = await this.#narInfos.answer(route.hashPart);
        if ("body" in answer) return send(response, 200, answer.headers, answer.body);
        return sendText(response, 404, `${answer.outcome}\n`, { [DECISION_HEADER]: decisionHeader(answer) });
      }
      case "nar":
        return this.#narServer.serve(request, response, route.name);
      case "explain":
        return this.#explainServer.serve(request, response, route.target);
      case "cache-info":
        return send(response, 200, this.#cacheInfo.headers, this.#cacheInfo.body);
      case "healthz":
        return sendText(response, 200, this.#health(), { "content-type": "application/json" });
      case "metrics":
        return sendText(response, 200, await this.#metrics.text(), { "content-type": this.#metrics.contentType });
      case "unknown":
        return sendText(response, 404, "not found\n");
      case "malformed":
        return sendText(response, 400, `${route.why}\n`);
    }
  }

  /**
   * Degraded: what was decided is served, and everything else is 404 until the decider is back. Receipts that cannot be
   * kept are told and degrade nothing.
   */
  #health(): string {
    const decider = this.#options.decider?.();
    const status = decider?.state === "away" ? "degraded" : "ok";
    const upstreams = this.#upstreams.map(({ label, state }) => ({ url: label, state }));
    const key = formatPublicCacheKey(this.#options.signingKey);
    const receipts = this.#options.receipts?.status();
    return `${JSON.stringify({ status, key, decider, upstreams, waitingAhead: this.#ahead.waiting, receipts })}\n`;
  }

  #refuseMethod(response: ServerResponse): void {
    // Closed, because a body that nobody reads may follow.
    sendText(response, 405, "read only\n", { allow: "GET, HEAD", connection: "close" });
  }
}

function cacheInfo(priority: number): NarInfoAnswer {
  const body = Buffer.from(printCacheInfo({ storeDir: STORE_DIR, wantMassQuery: true, priority }));
  return { body, headers: { "content-type": "text/x-nix-cache-info", "content-length": body.length } };
}

type Headers = Readonly<Record<string, string | number>>;

function send(response: ServerResponse, status: number, headers: Headers, body: Buffer): void {
  response.writeHead(status, headers);
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function sendText(response: ServerResponse, status: number, text: string, headers: Headers = {}): void {
  const body = Buffer.from(text);
  send(response, status, { "content-type": "text/plain", "content-length": body.length, ...headers }, body);
}
