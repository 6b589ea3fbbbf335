/** What carries a unary call. Everything above it is the same over HTTP, a unix socket, or memory. */
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";

export interface CallOptions {
  /** Aborting it ends the call with `canceled`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call; also told to the server. Default 20 000. */
  readonly timeoutMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Offer gzip to a remote on another machine: worth it for texts and long lists, not for hashes. */
  readonly gzip?: boolean | undefined;
}

export interface RpcTransport {
  /** The remote as its user named it, for messages. */
  readonly url: string;
  /** The checked answer, with all required fields. Throws `RpcError` only. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  /** Ends calls under way with `canceled` and frees connections. */
  close(): Promise<void>;
}

export const DEFAULT_TIMEOUT_MS = 20_000;
