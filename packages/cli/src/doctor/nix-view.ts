/** Whom Nix asks and whose signatures it takes, told apart: our proxies with their keys, and all others. */
import type { Setting } from "@trustix/nix";
import type { NixFacts, ProxyFacts } from "./facts.ts";

export interface NixView {
  /** Proxies among the substituters, by the address that stands there. */
  readonly asked: readonly ProxyFacts[];
  /** Everybody else that Nix asks, as it stands in the settings. */
  readonly others: readonly string[];
  /** What `substituters` should be. */
  readonly wantedSubstituters: readonly string[];
  /** Trusted keys that are no proxy's. */
  readonly otherKeys: readonly string[];
  /** What `trusted-public-keys` should be; `undefined` while no proxy says which key is its own. */
  readonly wantedKeys: readonly string[] | undefined;
}

export function viewOf({ settings, proxies, proxyAddress, foreignKeys }: NixFacts): NixView {
  const urls = settings.substituters.words;
  const proxyAt = (url: string): ProxyFacts | undefined => proxies.find((proxy) => samePlace(proxy.url, url));
  const asked = urls.flatMap((url) => {
    const proxy = proxyAt(url);
    return proxy === undefined ? [] : [{ ...proxy, url }];
  });
  const wanted = asked.length > 0 ? asked.map(({ url }) => url) : [proxies[0]?.url ?? proxyAddress];
  const keys = proxies.flatMap(({ key }) => key ?? []);
  const trusted = settings["trusted-public-keys"].words;
  // While no proxy says which key is its own, it may be any but those that are known to be somebody else's.
  const own = keys.length > 0 ? keys : trusted.filter((key) => !foreignKeys.includes(key));
  return {
    asked,
    others: urls.filter((url) => proxyAt(url) === undefined),
    wantedSubstituters: wanted,
    otherKeys: trusted.filter((key) => !own.includes(key)),
    wantedKeys: keys.length === 0 ? undefined : keys,
  };
}

/** A substituter's parameters (`?priority=10`) and a slash at its end do not make it another one. */
export function samePlace(a: string, b: string): boolean {
  return placeOf(a) === placeOf(b);
}

function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? url : `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
}

/** An address, or a line with some in it, without passwords. */
export function shownUrl(text: string): string {
  return text.replaceAll(/:\/\/[^/@\s]*@/g, "://***@");
}

/** `cache.nixos.org-1` of `cache.nixos.org-1:base64`. */
export function keyName(key: string): string {
  return key.split(":", 1)[0]!;
}

/** As Nix reads them. */
export function isTrue(word: string): boolean {
  return word === "true" || word === "yes" || word === "1";
}

export function isOn({ words }: Setting): boolean {
  return isTrue(words[0] ?? "");
}

/** Of a store's address: what stands behind the `?`. */
export function parameters(store: string): (readonly [name: string, value: string])[] {
  const at = store.indexOf("?");
  return at < 0 ? [] : [...new URLSearchParams(store.slice(at + 1))];
}

export function withoutParameter(store: string, unwanted: string): string {
  const [place = ""] = store.split("?", 1);
  const kept = store
    .slice(place.length + 1)
    .split("&")
    .filter((part) => part !== "" && part.split("=", 1)[0] !== unwanted);
  return kept.length === 0 ? place : `${place}?${kept.join("&")}`;
}
