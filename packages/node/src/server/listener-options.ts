/** Where the server listens and what it serves there. A listener of the configuration is one of these. */
export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** An open, listening file descriptor; with a `path` it is a unix socket. */
  | { readonly kind: "inherited"; readonly fd: number; readonly path: string | undefined };

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Serve the private services (decide, submit, flush, status). */
  readonly private: boolean;
  readonly metrics: boolean;
  /** What callers call this node by, beside its addresses: `host` (with any port) or `host:port`. */
  readonly names: readonly string[];
  /** Private reads need no signed call. On a unix socket they never do. */
  readonly allowUnsignedReads: boolean;
  /** Take write tokens over TCP, where whoever sees one call can replay it. A unix socket always takes them. */
  readonly allowReplayableTokens: boolean;
}

/** Whether only processes of this machine can connect, those that the socket's owner and group allow. */
export function isLocal(address: ListenAddress): boolean {
  return address.kind === "unix" || (address.kind === "inherited" && address.path !== undefined);
}

/** What is served by default at an address: everything on a unix socket, public services on TCP. */
export function defaultOptions(address: ListenAddress): ListenerOptions {
  const local = isLocal(address);
  const strict = { names: [], allowUnsignedReads: false, allowReplayableTokens: false };
  return { address, private: local, metrics: local, ...strict };
}
