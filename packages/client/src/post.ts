/**
 * One POST over a pool of connections, within a time and a size.
 *
 * A connection that the server closed while it lay idle is not the server being down: a call that lost its connection
 * before a byte of an answer came is sent once more. Every method of the protocol may be repeated; a signed call is signed
 * anew, because the first may have come through.
 */
import type { Dispatcher, Pool } from "undici";
import { BodyCollector, tooLarge } from "./answer-body.ts";
import { MAX_ERROR_BYTES, RpcError } from "./rpc-error.ts";

export interface PostRequest {
  readonly path: string;
  readonly headers: () => Record<string, string>;
  readonly body: Uint8Array;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface PostAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Uint8Array;
}

/** Informational answers (early hints, say) before the one that counts: they have no end of their own. */
const MAX_HINTS = 16;

const LOST_CONNECTION = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

export async function postTwice(pool: Pool, request: PostRequest): Promise<PostAnswer> {
  try {
    return await post(pool, request);
  } catch (error) {
    const cause = error instanceof RpcError ? error.cause : undefined;
    if (!LOST_CONNECTION.has((cause as NodeJS.ErrnoException | undefined)?.code ?? "")) throw error;
    return post(pool, request);
  }
}

/** `dispatch` and not `request`: no stream objects, twice the calls a second. */
function post(pool: Pool, request: PostRequest): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    if (signal?.aborted === true) return reject(canceled());
    let controller: Dispatcher.DispatchController | undefined;
    let done = false;
    const end = (finish: () => void): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      finish();
    };
    // The promise ends now; the connection is torn down behind it, also when it was still being made.
    const stop = (error: RpcError): void => end(() => (reject(error), controller?.abort(error)));
    const onAbort = (): void => stop(canceled());
    const timer = setTimeout(
      () => stop(new RpcError("deadline_exceeded", `no answer within ${request.timeoutMs} ms`, { origin: "network" })),
      Math.max(1, request.deadline - performance.now()),
    );
    signal?.addEventListener("abort", onAbort);

    let status = 0;
    let hints = 0;
    let headers: AnswerHeaders = {};
    let collector = new BodyCollector(request.limit);
    pool.dispatch(
      { method: "POST", path: request.path, headers: request.headers(), body: request.body },
      {
        onRequestStart(started) {
          controller = started;
          if (done) started.abort(canceled());
        },
        onResponseStart(_, statusCode, responseHeaders) {
          if (statusCode < 200) {
            if (++hints > MAX_HINTS) stop(onlyHints());
            return;
          }
          status = statusCode;
          headers = responseHeaders;
          if (status !== 200) collector = new BodyCollector(MAX_ERROR_BYTES);
        },
        onResponseData(_, chunk) {
          if (!collector.add(chunk)) stop(tooLarge(status === 200 ? request.limit : MAX_ERROR_BYTES));
        },
        onResponseEnd() {
          end(() => resolve({ status, headers, body: collector.bytes() }));
        },
        onResponseError(_, error) {
          end(() => reject(networkError(error, status !== 0)));
        },
      },
    );
  });
}

function onlyHints(): RpcError {
  return new RpcError("unknown", `it sends early hints (more than ${MAX_HINTS}) and no answer`, { origin: "answer" });
}

function canceled(): RpcError {
  return new RpcError("canceled", "the call was canceled", { origin: "network" });
}

/** What went wrong on the way, in words; `cause` is kept only where the call may be sent again. */
function networkError(error: Error, answerBegun: boolean): RpcError {
  if (error instanceof RpcError) return error;
  const inner = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  const code = (inner as NodeJS.ErrnoException).code ?? "";
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") return canceled();
  const text = WORDS[code] ?? inner.message;
  return new RpcError("unavailable", answerBegun ? `the connection broke within the answer: ${text}` : text, {
    origin: "network",
    ...(!answerBegun && { cause: inner }),
  });
}

const UNTRUSTED = "its certificate is signed by nobody who is trusted here (those of ca-file, or else the system's)";

const WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "the connection timed out",
  UND_ERR_SOCKET: "the connection was closed",
};
