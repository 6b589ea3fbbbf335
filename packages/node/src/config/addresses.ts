/** URLs of a configuration: where to listen, whom to ask. */
import type { ListenerAddress, ListenerConfig } from "./config.ts";
import { shownValue } from "./problems.ts";

/** Thrown with what came and what was wanted; `load.ts` adds the file and the key. */
export class AddressError extends Error {
  override name = "AddressError";
}

/** A listener with the defaults of its kind: a unix socket serves everything, TCP the public services. */
export function listenerOf(url: string, options: ListenerOptions = {}): ListenerConfig {
  const address = parseListenAddress(url);
  const local = address.kind === "unix";
  return {
    url,
    address,
    private: options.private ?? local,
    metrics: options.metrics ?? local,
    names: options.names ?? [],
    allowUnsignedReads: options.allowUnsignedReads ?? false,
    allowReplayableTokens: options.allowReplayableTokens ?? false,
  };
}

export interface ListenerOptions {
  readonly private?: boolean | undefined;
  readonly metrics?: boolean | undefined;
  /** As `parseNodeName` returns them. */
  readonly names?: readonly string[] | undefined;
  readonly allowUnsignedReads?: boolean | undefined;
  readonly allowReplayableTokens?: boolean | undefined;
}

/** `unix:///path` or `http://host:port`; port 0 lets the system choose. Throws `AddressError`. */
export function parseListenAddress(text: string): ListenerAddress {
  const wanted = "unix:///path or http://host:port";
  const url = parse(text, wanted);
  if (url.protocol === "unix:") return { kind: "unix", path: socketPath(url, text) };
  if (url.protocol !== "http:") {
    const tls = url.protocol === "https:" ? " (TLS is the business of a reverse proxy)" : "";
    throw new AddressError(`${shownValue(text)} came, ${wanted} wanted${tls}`);
  }
  bare(url, text, wanted);
  // The URL parser drops the default port.
  return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? 80 : Number(url.port) };
}

/** A name that callers give the node: `host`, with any port, or `host:port`; as URLs spell hosts. Throws `AddressError`. */
export function parseNodeName(text: string): string {
  const [, host, port] = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::([0-9]{1,5}))?$/.exec(text.trim()) ?? [];
  const url = host === undefined ? null : URL.parse(`http://${host}`);
  const plain = url !== null && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!plain) throw new AddressError(`${shownValue(text)} came, host or host:port wanted`);
  return port === undefined ? url.hostname : `${url.hostname}:${Number(port)}`;
}

/** Checks a node's URL and returns it without a slash at the end. Throws `AddressError`. */
export function parseRemote(text: string): string {
  const wanted = "an http://, https:// or unix:// URL";
  const url = parse(text, wanted);
  if (url.protocol === "unix:") return `unix://${socketPath(url, text)}`;
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new AddressError(`${shownValue(text)} came, ${wanted} wanted`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new AddressError("a URL with a user or password came, nodes take none");
  }
  return withoutSlash(text);
}

/** Checks a binary cache's URL and returns it without a slash at the end. Throws `AddressError`. */
export function parseUpstream(text: string): string {
  const wanted = "an http:// or https:// URL";
  const url = parse(text, wanted);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new AddressError(`${shownValue(text)} came, ${wanted} wanted`);
  }
  if (url.search !== "" || url.hash !== "") throw new AddressError(`${wanted} without ? and # wanted`);
  return withoutSlash(text);
}

function parse(text: string, wanted: string): URL {
  const url = URL.parse(text.trim());
  if (url !== null) return url;
  const hint = /^[\w.-]+:\d+$|^\/|^\d/.test(text) ? " (the scheme is missing)" : "";
  throw new AddressError(`${shownValue(text)} came, ${wanted} wanted${hint}`);
}

function socketPath(url: URL, text: string): string {
  if (url.host !== "" || !url.pathname.startsWith("/") || url.pathname === "/") {
    throw new AddressError(`${shownValue(text)} came, unix:///path with three slashes wanted`);
  }
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    throw new AddressError(`${shownValue(text)} came, a path with correct percent signs wanted`);
  }
  // The kernel's limit, the closing zero included.
  if (Buffer.byteLength(path) > 107)
    throw new AddressError(`a socket path of ${Buffer.byteLength(path)} bytes came, at most 107 wanted`);
  if (path.includes("\0")) throw new AddressError("a socket path with a zero byte came");
  return path;
}

function bare(url: URL, text: string, wanted: string): void {
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new AddressError(`${shownValue(text)} came, ${wanted} and nothing more wanted`);
  }
}

function withoutSlash(text: string): string {
  return text.trim().replace(/\/+$/, "");
}
