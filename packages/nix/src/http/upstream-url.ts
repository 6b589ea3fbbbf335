/**
 * Where a configured upstream, its narinfo URLs and its redirects lead. The upstream's own host and port may be anything,
 * since the user named them; every other place must be public. Credentials go with relative references to the
 * configured origin only: never with an absolute URL or a redirect, which could lead to clear text or another service.
 */
import { SourceError } from "./source-error.ts";
import { literalAddress } from "./public-address.ts";

export interface Target {
  readonly url: URL;
  /** The upstream's own host and port. */
  readonly own: boolean;
  /** May see the upstream's credentials. */
  readonly trusted: boolean;
}

export class UpstreamUrl {
  /** Without credentials, so that it may stand in logs; ends in `/`. */
  readonly label: string;
  /** Value of the `Authorization` header for the own host. */
  readonly authorization: string | undefined;
  readonly #base: URL;
  readonly #allowed: (address: string) => boolean;

  /** Throws `TypeError` for what is no http(s) URL. */
  constructor(url: string, allowed: (address: string) => boolean) {
    const base = new URL(url);
    if (base.protocol !== "http:" && base.protocol !== "https:") {
      throw new TypeError(`upstream ${base.protocol}//...: http or https wanted`);
    }
    if (base.username !== "" || base.password !== "") {
      const login = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
      this.authorization = `Basic ${Buffer.from(login).toString("base64")}`;
    }
    base.username = "";
    base.password = "";
    base.search = "";
    base.hash = "";
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    this.#base = base;
    this.#allowed = allowed;
    this.label = base.href;
  }

  /** What `reference` means, seen from the upstream's root. Throws `SourceError`: `forbidden`. */
  resolve(reference: string): Target {
    const target = this.follow(reference, this.#base);
    return { ...target, trusted: target.url.origin === this.#base.origin && !URL.canParse(reference) };
  }

  /** Where a redirect from `from` leads. Throws `SourceError`: `forbidden`. */
  follow(reference: string, from: URL): Target {
    const forbidden = (why: string) => new SourceError("forbidden", `${this.label} leads to ${why}`);
    let url: URL;
    try {
      url = new URL(reference, from);
    } catch {
      throw forbidden("something that is no URL");
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") throw forbidden(`a ${url.protocol} URL`);
    if (url.username !== "" || url.password !== "") throw forbidden("a URL with a user name");
    url.hash = "";
    const own = url.host === this.#base.host;
    const literal = literalAddress(url.hostname);
    if (!own && literal !== undefined && !this.#allowed(literal))
      throw forbidden(`${literal}, which is no public address`);
    return { url, own, trusted: false };
  }
}
