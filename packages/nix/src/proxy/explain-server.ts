/**
 * `GET /explain/<hash part>`: why a path is served or refused here, for a person or a program. What it tells (who is trusted,
 * what is asked for) is for this machine: only callers that name it by an address or as localhost are answered, so that a
 * page from elsewhere whose name was made to lead here learns nothing.
 *
 *     /explain/<hash part>[-<name>]      a page; JSON with `Accept: application/json`, `?json` or `.json` at the end
 *     /explain/<hash part>.receipt       the receipt that was kept when the path was served, else one of the decision now
 *
 * Unlike what Nix asks for, these are answered 403 and 503 where that is the truth.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { toBase64, utf8 } from "@trustix/crypto";
import { baseNameOf, hashPartOf, nameOf, parseStorePath, type StorePath } from "@trustix/nix-formats";
import { explanationToJson, type Explanation } from "../explanation/explanation.ts";
import { explanationPage, type Consequence } from "../explanation/explanation-page.ts";
import { messagePage, PAGE_STYLE } from "../explanation/page.ts";
import { deadline, unlessAborted } from "../http/deadline.ts";
import type { KeptReceipt } from "../receipts/receipt-folder.ts";
import type { ProxyLimits, ProxyOptions } from "./model.ts";
import { isServed, type Resolution } from "./resolution.ts";
import type { Resolver } from "./resolver.ts";
import type { ExplainTarget } from "./route.ts";

export interface ExplainServerOptions {
  readonly proxy: Pick<ProxyOptions, "crypto" | "clock" | "log" | "explain" | "receipts">;
  readonly limits: ProxyLimits;
  readonly resolver: Resolver;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export class ExplainServer {
  readonly #options: ExplainServerOptions;
  readonly #policy: string;

  constructor(options: ExplainServerOptions) {
    this.#options = options;
    const style = toBase64(options.proxy.crypto.sha256(utf8(PAGE_STYLE)));
    this.#policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  }

  /** Answers GET and HEAD; rejects never. */
  async serve(request: IncomingMessage, response: ServerResponse, target: ExplainTarget): Promise<void> {
    const form = formOf(request, target);
    const { status, type, body, headers } = await this.#reply(request, target, form);
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    response.writeHead(status, {
      "content-type": type,
      "content-length": bytes.length,
      "content-security-policy": this.#policy,
      "cache-control": "no-store",
      vary: "accept",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  }

  async #reply(request: IncomingMessage, target: ExplainTarget, form: Form): Promise<Reply> {
    const { explain, log } = this.#options.proxy;
    if (!isNamedLocally(request.headers.host)) {
      return message(form, 403, "Not for others", ["Call this address by its number, or as localhost."]);
    }
    if (explain === undefined) return message(form, 404, "Nothing to explain", ["Nobody decides here."]);
    const resolving = this.#resolution(target.hashPart);
    const path = (await this.#options.resolver.pathOf(target.hashPart)) ?? pathIn(await resolving);
    if (path === undefined) return message(form, 404, "No such path", unknownPath(target.hashPart, await resolving));
    if (target.name !== undefined && target.name !== nameOf(path)) {
      const called = `The path with this hash part is ${path}, and is not called ${target.name}.`;
      return message(form, 404, "No such path", [called, `See \`/explain/${target.hashPart}\`.`]);
    }
    try {
      if (form === "receipt") return await this.#receipt(path);
      const [explanation, resolution, kept] = await Promise.all([this.#explain(path), resolving, this.#kept(path)]);
      if (form === "json") return json(explanation, resolution, kept);
      return { status: 200, type: HTML, body: pageOf(explanation, resolution, kept) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.warn({ path, why }, "a path could not be explained");
      return message(form, 503, "Nobody can be asked just now", [`${why.split("\n", 1)[0]}.`]);
    }
  }

  /** What is served of it; `undefined` while that takes longer than votes do. */
  async #resolution(hashPart: string): Promise<Resolution | undefined> {
    const { proxy, limits, resolver } = this.#options;
    const limit = deadline(proxy.clock, limits.decideBudget);
    try {
      return await unlessAborted(limit.signal, resolver.resolve(hashPart));
    } catch {
      return undefined;
    } finally {
      limit.settle();
    }
  }

  async #explain(path: StorePath): Promise<Explanation> {
    const { proxy, limits } = this.#options;
    const limit = deadline(proxy.clock, 2 * limits.decideBudget);
    try {
      return await unlessAborted(limit.signal, proxy.explain!(path, limit.signal));
    } finally {
      limit.settle();
    }
  }

  async #kept(path: StorePath): Promise<KeptReceipt | undefined> {
    return this.#options.proxy.receipts?.kept(path);
  }

  async #receipt(path: StorePath): Promise<Reply> {
    const file = (await this.#kept(path))?.file ?? (await this.#explain(path)).receipt;
    if (file === undefined) return message("receipt", 404, "No receipt", ["None can be made just now."]);
    const name = `${baseNameOf(path)}.receipt`;
    return {
      status: 200,
      type: "application/octet-stream",
      body: file,
      headers: { "content-disposition": `attachment; filename="${name}"` },
    };
  }
}

type Form = "page" | "json" | "receipt";

const HTML = "text/html; charset=utf-8";

function formOf(request: IncomingMessage, { form }: ExplainTarget): Form {
  if (form !== "any") return form;
  const accept = request.headers.accept ?? "";
  return accept.includes("application/json") && !accept.includes("text/html") ? "json" : "page";
}

/** Whether the `Host` is an address or localhost: any other name may belong to somebody else and lead here. */
function isNamedLocally(host: string | undefined): boolean {
  const name = URL.parse(`http://${host ?? ""}`)?.hostname ?? "";
  return isIP(name.replace(/^\[|\]$/g, "")) !== 0 || name === "localhost" || name.endsWith(".localhost");
}

function pathIn(resolution: Resolution | undefined): StorePath | undefined {
  if (resolution === undefined) return undefined;
  if (isServed(resolution)) return resolution.facts.storePath;
  return resolution.storePath === undefined ? undefined : parseStorePath(resolution.storePath);
}

/** Why nobody knows it, once, and what may be done. */
function unknownPath(hashPart: string, resolution: Resolution | undefined): string[] {
  const nowhere = `No log that is copied here has a path with the hash part ${hashPart}`;
  if (resolution === undefined) return [`${nowhere}, and upstreams are still being asked: try again in a moment.`];
  return [
    `${nowhere}, and ${resolution.reason}.`,
    "The hash part is the 32 characters behind /nix/store/: is it whole?",
    `Voters that are asked need the path's whole name: \`trustix why /nix/store/${hashPart}-NAME\` asks them.`,
  ];
}

function pageOf(explanation: Explanation, resolution: Resolution | undefined, kept: KeptReceipt | undefined): string {
  const base = `/explain/${hashPartOf(parseStorePath(explanation.key))}`;
  const hasReceipt = kept !== undefined || explanation.receipt !== undefined;
  return explanationPage(explanation, {
    consequence: consequenceOf(resolution),
    receipt: hasReceipt ? { href: `${base}.receipt`, keptSince: kept?.writtenAt } : undefined,
    jsonHref: `${base}.json`,
  });
}

/** What Nix gets here, in words. */
function consequenceOf(resolution: Resolution | undefined): Consequence {
  if (resolution === undefined) {
    return { tone: "care", headline: "Nix is being kept waiting", why: "The policy waits for what is undecided" };
  }
  if (!isServed(resolution)) {
    return { tone: "bad", headline: "Nix does not get it here", why: resolution.reason };
  }
  const { outcome, mode, vote, reason, source } = resolution;
  const from = `The file comes from ${source.upstream.label}`;
  switch (outcome) {
    case "decided":
      return { tone: "good", headline: "Nix gets what was decided", why: from };
    case "content-addressed":
      return { tone: "good", headline: "Nix gets it without a vote", why: `${reason}. ${from}` };
    case "let-through": {
      const headline = `Nix gets what its upstream signed (${mode})`;
      const said = {
        agrees: "That is what was decided",
        differs: "The voters decided other bytes",
        undecided: "The voters decided nothing",
        "not asked": "Nobody was asked",
      }[vote];
      return { tone: vote === "agrees" ? "good" : "care", headline, why: `${said}. ${from}` };
    }
  }
}

function json(explanation: Explanation, resolution: Resolution | undefined, kept: KeptReceipt | undefined): Reply {
  const served = resolution !== undefined && isServed(resolution);
  const here =
    resolution === undefined
      ? { outcome: "waiting" }
      : {
          outcome: resolution.outcome,
          reason: resolution.reason,
          ...(served && { vote: resolution.vote, upstream: resolution.source.upstream.label }),
        };
  const receipt = kept === undefined ? {} : { receiptKeptSince: Math.round(kept.writtenAt) };
  const body = { ...explanationToJson(explanation), served, here, ...receipt };
  return { status: 200, type: "application/json", body: `${JSON.stringify(body, undefined, 2)}\n` };
}

function message(form: Form, status: number, title: string, sentences: readonly string[]): Reply {
  if (form === "page") return { status, type: HTML, body: messagePage(title, sentences) };
  const body = `${JSON.stringify({ error: title, detail: sentences.join(" ") })}\n`;
  return { status, type: "application/json", body };
}
