/**
 * One request to each place that concerns this node, at most: does it answer, what time has it, what priority. A GET of
 * `nix-cache-info` of a binary cache, of `/` elsewhere; no redirect is followed, and a little of the answer is read.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { NixFormatError, parseCacheInfo } from "@trustix/nix-formats";
import type { AskedFacts } from "./facts.ts";
import { samePlace, shownUrl } from "./nix-view.ts";

export interface Place {
  readonly url: string;
  readonly role: string;
  /** Whether it is a binary cache. */
  readonly isCache: boolean;
}

export interface AskOptions {
  /** Milliseconds for each. */
  readonly timeoutMs: number;
  /** Nobody outside this machine is asked. */
  readonly offline: boolean;
  /** PEM of certificates trusted instead of the system's. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  now(): number;
}

const AT_ONCE = 16;
/** More places than anybody follows: the rest is not asked. */
const MAX_PLACES = 256;
const MAX_BODY = 64 * 1024;

/** In the order of `places`, each place once with all its roles. */
export async function askPlaces(places: readonly Place[], options: AskOptions): Promise<AskedFacts[]> {
  const merged = merge(places);
  const facts: AskedFacts[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < merged.length; i = next++) {
      const { url, roles, isCache } = merged[i]!;
      facts[i] = { url: shownUrl(url), roles, outcome: await outcomeOf(url, isCache, i < MAX_PLACES, options) };
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, merged.length) }, work));
  return facts;
}

function merge(places: readonly Place[]): { url: string; roles: string[]; isCache: boolean }[] {
  const merged: { url: string; roles: string[]; isCache: boolean }[] = [];
  for (const { url, role, isCache } of places) {
    const known = merged.find((one) => samePlace(one.url, url));
    if (known === undefined) merged.push({ url, roles: [role], isCache });
    else if (!known.roles.includes(role)) known.roles.push(role);
  }
  return merged;
}

async function outcomeOf(
  url: string,
  isCache: boolean,
  among: boolean,
  options: AskOptions,
): Promise<AskedFacts["outcome"]> {
  const notAsked = (why: string): AskedFacts["outcome"] => ({ kind: "not asked", why });
  if (!among) return notAsked(`only the first ${MAX_PLACES} places are`);
  const target = targetOf(url, isCache);
  if (target === undefined) return notAsked("only http, https and unix addresses are");
  if (options.offline && !isHere(url)) return notAsked("--offline");
  const sent = options.now();
  try {
    const { status, date, body } = await get(target, options);
    return {
      kind: "answered",
      status,
      date,
      sent,
      got: options.now(),
      isCache,
      priority: isCache ? priorityIn(body) : undefined,
    };
  } catch (error) {
    options.signal.throwIfAborted();
    return { kind: "failed", why: (error as Error).message };
  }
}

/** Whether a request stays on this machine. */
export function isHere(url: string): boolean {
  if (url.startsWith("unix:")) return true;
  const host = URL.parse(url)?.hostname ?? "";
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}

interface Target {
  readonly request: (options: RequestOptions, callback: (answer: IncomingMessage) => void) => ClientRequest;
  readonly options: RequestOptions;
}

function targetOf(url: string, isCache: boolean): Target | undefined {
  if (url.startsWith("unix:")) {
    return { request: httpRequest, options: { socketPath: url.replace(/^unix:(\/\/)?/, ""), path: "/" } };
  }
  const parsed = URL.parse(url);
  if (parsed === null) return undefined;
  const request = parsed.protocol === "https:" ? httpsRequest : parsed.protocol === "http:" ? httpRequest : undefined;
  if (request === undefined) return undefined;
  const { hostname, port, username, password } = parsed;
  const path = `${parsed.pathname.replace(/\/+$/, "")}/${isCache ? "nix-cache-info" : ""}`;
  const auth = username === "" ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` };
  return { request, options: { hostname: hostname.replace(/^\[|\]$/g, ""), port, path, ...auth } };
}

/** The first bytes of one answer. Rejects with a sentence. */
export function get(
  { request, options }: Target,
  { timeoutMs, ca, signal }: Pick<AskOptions, "timeoutMs" | "ca" | "signal">,
): Promise<{ status: number; date: number | undefined; body: Uint8Array }> {
  const late = AbortSignal.timeout(timeoutMs);
  return new Promise((done, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(late.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : plain(error));
    const call = request(
      {
        ...options,
        ...(ca !== undefined && { ca }),
        signal: AbortSignal.any([late, signal]),
        headers: { "user-agent": "trustix-doctor", connection: "close" },
      },
      (answer) => {
        const chunks: Uint8Array[] = [];
        let size = 0;
        const finish = (): void => {
          const date = Date.parse(answer.headers.date ?? "");
          done({
            status: answer.statusCode ?? 0,
            date: Number.isNaN(date) ? undefined : date,
            body: Buffer.concat(chunks),
          });
          call.destroy();
        };
        answer.on("data", (chunk: Uint8Array) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_BODY) finish();
        });
        answer.on("end", finish);
        answer.on("error", fail);
      },
    );
    call.on("error", fail);
    call.end();
  });
}

/** Node's own words name a code and an address twice. */
function plain(error: NodeJS.ErrnoException): Error {
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nobody listens there",
    ENOTFOUND: "its name is not known",
    EAI_AGAIN: "its name could not be looked up",
    ENOENT: "there is no such socket",
    EACCES: "this user may not open the socket",
    ECONNRESET: "it closes the connection",
  };
  const said = known[error.code ?? ""] ?? error.message;
  return new Error(said === "" ? String(error.code) : said);
}

/** Something there that is no cache's description is no fault of this command. */
function priorityIn(body: Uint8Array): number | undefined {
  try {
    return parseCacheInfo(body).priority;
  } catch (error) {
    if (error instanceof NixFormatError) return undefined;
    throw error;
  }
}

/** The JSON of a small answer from this machine; `undefined` if nobody answers so. */
export async function getJson(url: string, options: Pick<AskOptions, "timeoutMs" | "signal">): Promise<unknown> {
  const target = targetOf(url, false);
  if (target === undefined) return undefined;
  const path = (target.options.path ?? "/").replace(/\/$/, "");
  try {
    const { status, body } = await get(
      { ...target, options: { ...target.options, path } },
      { ...options, ca: undefined },
    );
    return status === 200 ? JSON.parse(Buffer.from(body).toString()) : undefined;
  } catch {
    options.signal.throwIfAborted();
    return undefined;
  }
}
