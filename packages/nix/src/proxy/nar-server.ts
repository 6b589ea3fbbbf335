/**
 * Serves NARs: from any source whose bytes are those decided on, checked on the way. Clients keep a narinfo for weeks, so the
 * form that a NAR's name tells need not be that of a source which is left: then it is made here. A wrong or broken NAR is
 * never completed: while nothing was sent the next source is tried, afterwards the connection is broken. What cannot be
 * served is a 404, so that the client goes on to its next cache.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { equalBytes } from "@trustix/crypto";
import { hashPartOf, toNix32, type SignedFacts } from "@trustix/nix-formats";
import { rangeOf, type RangeRequest } from "./byte-range.ts";
import type { Decoders } from "./decoders.ts";
import { decisionHeader, DECISION_HEADER } from "./decision-header.ts";
import { bestFirst, deliveryOf, type Delivery } from "./delivery.ts";
import type { Encoders } from "./encoders.ts";
import { ClientGone } from "./held-sink.ts";
import type { ProxyMetrics } from "./metrics.ts";
import type { ProxyLimits, ProxyOptions } from "./model.ts";
import type { NarName } from "./nar-name.ts";
import type { NarInfos } from "./narinfos.ts";
import { isServed, type Served } from "./resolution.ts";
import { fileOf } from "./render-narinfo.ts";
import type { Resolver } from "./resolver.ts";
import { Semaphore } from "./semaphore.ts";
import { asSourceError, SourceError } from "../http/source-error.ts";
import type { SourceRecord } from "./source-record.ts";
import { transfer, type Opened } from "./transfer.ts";

export interface NarServerOptions {
  readonly proxy: Pick<ProxyOptions, "crypto" | "clock" | "log">;
  readonly limits: ProxyLimits;
  readonly narInfos: NarInfos;
  readonly resolver: Resolver;
  readonly record: SourceRecord;
  readonly decoders: Decoders;
  readonly encoders: Encoders;
  readonly metrics: ProxyMetrics;
}

/** One client's request for one NAR. */
interface Wanted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly name: NarName;
  readonly served: Served;
}

export class NarServer {
  readonly #options: NarServerOptions;
  readonly #decoding: Semaphore;
  readonly #encoding: Semaphore;

  constructor(options: NarServerOptions) {
    this.#options = options;
    this.#decoding = new Semaphore(options.limits.decoders);
    this.#encoding = new Semaphore(options.limits.encoders);
  }

  /** Answers GET and HEAD; rejects never. */
  async serve(request: IncomingMessage, response: ServerResponse, name: NarName): Promise<void> {
    const resolution = await this.#options.narInfos.resolve(name.hashPart);
    if (!isServed(resolution)) return notFound(response, decisionHeader(resolution));
    if (!equalBytes(resolution.facts.narHash, name.narHash)) {
      return notFound(response, `no-source; rule="another NAR was decided on"`);
    }
    const wanted = { request, response, name, served: resolution };
    if (await this.#fromAnySource(wanted)) return undefined;
    if (!response.headersSent && !response.destroyed)
      notFound(response, `no-source; rule="no upstream delivers this NAR"`);
    return undefined;
  }

  /** Whether the request is answered, well or by a broken connection. */
  async #fromAnySource(wanted: Wanted): Promise<boolean> {
    const { facts } = wanted.served;
    const { resolver, record } = this.#options;
    // Only the very file can go on where a transfer broke off, so for a range it comes first even if it failed lately.
    const resumes = wanted.request.headers.range !== undefined;
    const later: Delivery[] = [];
    for await (const source of resolver.sources(facts)) {
      const delivery = deliveryOf(wanted.name, facts, source);
      if (delivery.form === "transcoded" && !this.#options.encoders.supports(delivery.compression)) continue;
      const atOnce = delivery.form === "same file" && (resumes || !record.isDemoted(facts, source));
      if (!atOnce) later.push(delivery);
      else if (await this.#attempt(wanted, delivery)) return true;
    }
    for (const delivery of bestFirst(later, (source) => record.isDemoted(facts, source))) {
      if (await this.#attempt(wanted, delivery)) return true;
    }
    return false;
  }

  /** False: nothing was sent, and the next source may be tried. */
  async #attempt(wanted: Wanted, delivery: Delivery): Promise<boolean> {
    const { response, request } = wanted;
    const gone = new AbortController();
    const abort = () => gone.abort(new ClientGone("the client closed the connection"));
    response.once("close", abort);
    // A long silent check must not look like an idle connection; stalls are watched where they happen.
    request.socket.setTimeout(0);
    try {
      if (response.destroyed) return true;
      await this.#deliver(wanted, delivery, gone.signal);
      return true;
    } catch (error) {
      if (error instanceof ClientGone || response.destroyed) return true;
      this.#failed(wanted.served.facts, delivery, asSourceError(error, delivery.source.upstream.label));
      if (!response.headersSent) return false;
      response.destroy();
      return true;
    } finally {
      response.off("close", abort);
    }
  }

  async #deliver(wanted: Wanted, delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { request, response } = wanted;
    const { form, size } = delivery;
    // What is compressed here has no size before it is sent, whatever the source says.
    if (request.method === "HEAD" && (size !== undefined || form === "transcoded")) {
      response.writeHead(200, this.#headers(wanted, delivery, size));
      response.end();
      return;
    }
    const leave = await this.#enter(delivery);
    try {
      const opened = await this.#open(wanted.served.facts, delivery, signal);
      if (request.method === "HEAD") {
        opened.body.on("error", () => undefined).destroy();
        response.writeHead(200, this.#headers(wanted, delivery, opened.size));
        response.end();
        return;
      }
      const range: RangeRequest =
        form === "same file" && opened.size !== undefined && this.#rangesAllowed(wanted.served.facts, request)
          ? rangeOf(request.headers.range, opened.size)
          : "whole";
      if (range === "unsatisfiable") {
        opened.body.on("error", () => undefined).destroy();
        response.writeHead(416, { "content-range": `bytes */${opened.size}`, "content-length": 0 });
        response.end();
        return;
      }
      const { crypto, clock } = this.#options.proxy;
      const { limits, decoders, encoders } = this.#options;
      const sent = await transfer({
        crypto,
        clock,
        limits,
        decoders,
        encoders,
        facts: wanted.served.facts,
        content: wanted.served.content,
        delivery,
        opened,
        range,
        response,
        head: this.#head(wanted, delivery, opened.size, range),
        signal,
      });
      this.#options.metrics.narSent(sent);
    } finally {
      leave();
    }
  }

  /** Waits for the places that a delivery needs; call what it gives to leave them. Always in this order: no deadlock. */
  async #enter({ source, form, compression }: Delivery): Promise<() => void> {
    const encoding = form === "transcoded" && compression !== "none" ? await this.#encoding.take() : undefined;
    const decoding = source.compression === "none" ? undefined : await this.#decoding.take();
    return () => {
      decoding?.();
      encoding?.();
    };
  }

  async #open(facts: SignedFacts, delivery: Delivery, signal: AbortSignal): Promise<Opened> {
    const { source, form, size } = delivery;
    const answer = await source.upstream.open(source.info, signal);
    const text = answer.headers["content-length"];
    const length = typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
    const announced = fileOf(source, facts).fileSize;
    if (length !== undefined && announced !== undefined && length !== announced) {
      answer.body.on("error", () => undefined).destroy();
      throw new SourceError("mismatch", `${source.upstream.label}: a file of ${length} bytes, ${announced} announced`);
    }
    return { body: answer.body, fileSize: announced ?? length, size: form === "transcoded" ? size : (size ?? length) };
  }

  #rangesAllowed(facts: SignedFacts, request: IncomingMessage): boolean {
    return request.headers["if-range"] === undefined && !this.#options.record.hadWrongBytes(facts);
  }

  #headers(wanted: Wanted, delivery: Delivery, size: number | undefined): Record<string, string | number> {
    const ranges = delivery.form === "same file" && size !== undefined;
    return {
      "content-type": "application/x-nix-nar",
      "accept-ranges": ranges && !this.#options.record.hadWrongBytes(wanted.served.facts) ? "bytes" : "none",
      ...(size !== undefined && { "content-length": size }),
      [DECISION_HEADER]: decisionHeader(wanted.served),
    };
  }

  #head(wanted: Wanted, delivery: Delivery, size: number | undefined, range: Exclude<RangeRequest, "unsatisfiable">) {
    const headers = this.#headers(wanted, delivery, size);
    if (range === "whole") return { status: 200, headers };
    headers["content-length"] = range.end - range.start + 1;
    headers["content-range"] = `bytes ${range.start}-${range.end}/${size}`;
    return { status: 206, headers };
  }

  #failed(facts: SignedFacts, delivery: Delivery, error: SourceError): void {
    const { record, narInfos, metrics, proxy } = this.#options;
    const { source } = delivery;
    if (error.kind !== "recompression") {
      if (error.kind === "mismatch") record.condemn(facts, source);
      else record.demote(facts, source);
      source.upstream.forget(hashPartOf(facts.storePath));
      narInfos.forget(facts);
    }
    metrics.narFailed(source.upstream.label, error.kind);
    const fields = { path: facts.storePath, upstream: source.upstream.label, kind: error.kind };
    proxy.log.warn(fields, `NAR ${toNix32(facts.narHash)} of ${facts.storePath} not delivered: ${error.message}`);
  }
}

function notFound(response: ServerResponse, decision: string): void {
  const body = "no such NAR here\n";
  response.writeHead(404, {
    "content-type": "text/plain",
    "content-length": body.length,
    [DECISION_HEADER]: decision,
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
