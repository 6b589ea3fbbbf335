/** What a request's target asks for. A well-formed path that is not served is `unknown` (404), never an error. */
import { isHashPart } from "@trustix/nix-formats";
import { parseNarName, type NarName } from "./nar-name.ts";

export interface ExplainTarget {
  readonly hashPart: string;
  /** What follows the hash part, if that was asked for too. */
  readonly name: string | undefined;
  /** `any`: what the caller accepts. */
  readonly form: "any" | "json" | "receipt";
}

export type Route =
  | { readonly kind: "cache-info" }
  | { readonly kind: "narinfo"; readonly hashPart: string }
  | { readonly kind: "nar"; readonly name: NarName }
  | { readonly kind: "explain"; readonly target: ExplainTarget }
  | { readonly kind: "healthz" }
  | { readonly kind: "metrics" }
  | { readonly kind: "unknown" }
  /** Not a path at all; the reason is told (400). */
  | { readonly kind: "malformed"; readonly why: string };

const MAX_TARGET = 1024;

/** Of the request line's target. A query means nothing to a cache: clients put it there to get past other caches. */
export function routeOf(target: string): Route {
  // The hot path first, by position: a narinfo's target has exactly 41 characters.
  if (target.length === 41 && target.endsWith(".narinfo") && target[0] === "/") {
    const hashPart = target.slice(1, 33);
    if (isHashPart(hashPart)) return { kind: "narinfo", hashPart };
  }
  if (target.length > MAX_TARGET) return { kind: "malformed", why: `a target of ${target.length} characters` };
  const path = target.split("?", 1)[0]!;
  if (!path.startsWith("/")) return { kind: "malformed", why: "the target is not a path" };
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return { kind: "malformed", why: "bad percent-encoding" };
  }
  if (/[\0-\x1f\x7f]/.test(decoded)) return { kind: "malformed", why: "control characters" };
  if (path === "/nix-cache-info") return { kind: "cache-info" };
  if (path === "/healthz") return { kind: "healthz" };
  if (path === "/metrics") return { kind: "metrics" };
  if (path.endsWith(".narinfo") && isHashPart(path.slice(1, -8)))
    return { kind: "narinfo", hashPart: path.slice(1, -8) };
  const explained = path.startsWith("/explain/") ? explainTarget(decoded.slice(9), target) : undefined;
  if (explained !== undefined) return { kind: "explain", target: explained };
  const name = path.startsWith("/nar/") ? parseNarName(path.slice(5)) : undefined;
  return name === undefined ? { kind: "unknown" } : { kind: "nar", name };
}

/** `<hash part>[-<name>][.json|.receipt]`. A name that ends so itself is not asked for by name. */
function explainTarget(text: string, target: string): ExplainTarget | undefined {
  const match = /^([0-9a-z]{32})(?:-([0-9A-Za-z+\-._?=]{1,211}?))?(\.json|\.receipt)?$/.exec(text);
  if (match === null || !isHashPart(match[1]!)) return undefined;
  const query = target.includes("?") ? target.slice(target.indexOf("?") + 1) : "";
  const form =
    match[3] === ".receipt" ? "receipt" : match[3] === ".json" || /^json(=|&|$)/.test(query) ? "json" : "any";
  return { hashPart: match[1]!, name: match[2], form };
}
