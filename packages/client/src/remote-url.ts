/** Where a remote is, and the name it is called by: `http://host:port`, `https://host[:port]`, `unix:///path`; the first two may have a path. */
import { LOCAL_AUDIENCE } from "@trustix/protocol";

export type RemoteAddress =
  | { readonly kind: "http"; readonly origin: string; readonly path: string }
  | { readonly kind: "https"; readonly origin: string; readonly path: string }
  | { readonly kind: "unix"; readonly socket: string };

export class RemoteUrlError extends Error {
  override name = "RemoteUrlError";
}

/** Throws `RemoteUrlError` for anything else, and for URLs with credentials, a query or a fragment. */
export function parseRemoteUrl(text: string): RemoteAddress {
  const wanted = "http://host:port, https://host or unix:///path wanted";
  if (text.startsWith("unix:")) {
    const socket = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (!socket.startsWith("/") || socket.startsWith("//") || socket.length < 2 || socket.includes("\0")) {
      throw new RemoteUrlError(`remote ${JSON.stringify(text)}: ${wanted} (an absolute path)`);
    }
    return { kind: "unix", socket };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new RemoteUrlError(`remote ${JSON.stringify(text)}: ${wanted}`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new RemoteUrlError(`remote ${url.origin}: no credentials, query or fragment allowed`);
  }
  return {
    kind: url.protocol === "http:" ? "http" : "https",
    origin: url.origin,
    path: url.pathname.replace(/\/+$/, ""),
  };
}

/** The node at an address as a signed call names it: `host:port`, the port always said. */
export function audienceOf(address: RemoteAddress): string {
  if (address.kind === "unix") return LOCAL_AUDIENCE;
  const { hostname, port } = new URL(address.origin);
  return `${hostname}:${port === "" ? (address.kind === "https" ? 443 : 80) : port}`;
}
