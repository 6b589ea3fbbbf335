/**
 * Who is calling. A caller shows a token this node knows in one of two ways:
 *
 * - a signed call (`Trustix-Signed-Call`), which says for which method, which node, when and over which body it was
 *   made. All of it is compared before the body is read, the body when it is there; a call that is not a mere read is
 *   then noted, so that it is good once.
 * - the existing protocol's header (`Trustix-Token`), which anybody who sees it can send again: believed on local
 *   sockets, elsewhere where the listener says so.
 *
 * What is shown and does not hold is refused on every call, public reads too: somebody means to be known and is not.
 */
import { equalBytes, toHex } from "@trustix/crypto";
import { openSignedCall, ProtocolError, TOKEN_HEADER, verifyTokenHeader, type SignedCall } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { KnownToken } from "../model.ts";
import { isCalled, namesAt } from "./node-names.ts";
import type { ServerParts } from "./parts.ts";
import type { AnyRequest } from "./read-body.ts";
import type { Route } from "./route.ts";

/** What a listener allows, see `ListenerOptions`. */
export interface Permissions {
  /** Only who may open the socket can connect. */
  readonly local: boolean;
  readonly names: readonly string[];
  readonly allowUnsignedReads: boolean;
  readonly allowReplayableTokens: boolean;
}

/** The headers by which a caller makes itself known, as they came, one character per byte. */
export interface Credentials {
  readonly token: string | undefined;
  readonly signed: { readonly header: string; readonly request: AnyRequest } | undefined;
}

export interface Shown {
  /** Whose token it is; `undefined` for one that is not believed here. */
  readonly by: KnownToken | undefined;
  /** Its body is still to be compared, by `checkBody`. */
  readonly call: SignedCall | undefined;
}

type Parts = Pick<ServerParts, "crypto" | "tokens" | "signedCalls">;

/** Whose token a call shows; `undefined` when it shows none. Throws `unauthenticated`. */
export function authenticate(
  parts: Parts,
  route: Route,
  permissions: Permissions,
  { token, signed }: Credentials,
): Shown | undefined {
  if (signed !== undefined) {
    const call = asCaller(() => openSignedCall(parts.crypto, parts.tokens, signed.header));
    if (call.procedure !== route.path) {
      throw refusal(`the call was signed for ${call.procedure} and came as ${route.path}`);
    }
    if (!permissions.local) checkAudience(call, permissions.names, signed.request);
    parts.signedCalls.checkTime(call);
    return { by: parts.tokens.get(call.name), call };
  }
  if (token === undefined) return undefined;
  const name = asCaller(() => verifyTokenHeader(parts.crypto, parts.tokens, token, route.path));
  const believed = permissions.local || permissions.allowReplayableTokens;
  return { by: believed ? parts.tokens.get(name) : undefined, call: undefined };
}

/** Throws `permission_denied`, `unauthenticated`. */
export function authorize({ access, path }: Route, permissions: Permissions, shown: Shown | undefined): void {
  const by = shown?.by;
  switch (access) {
    case "public":
      return;
    case "private":
      if (permissions.local || permissions.allowUnsignedReads || by?.roles.has("writer") === true) return;
      break;
    case "writer":
    case "peer":
    case "owner":
      if (by?.roles.has(access) === true) return;
  }
  if (by !== undefined) {
    const whose = WHOSE[access];
    throw new NodeError("permission_denied", `token ${JSON.stringify(by.name)}: ${path} is for ${whose} only`);
  }
  if (shown !== undefined) {
    throw new NodeError(
      "permission_denied",
      `a ${TOKEN_HEADER} can be replayed by whoever sees it, so here it counts for nothing`,
      {
        hint: "sign the call (`trustix` does), use the unix socket, or set allow-replayable-tokens = true for this listener",
      },
    );
  }
  const how = permissions.local ? `a signed call or the header ${TOKEN_HEADER}` : "a signed call";
  throw refusal(
    `${access === "writer" ? "a write" : path} needs a token, shown by ${how}`,
    access === "owner"
      ? "TRUSTIX_TOKEN names the file: the node's own is trustix.token in its state folder, or what it was started with"
      : "TRUSTIX_TOKEN names the file with your private token, and the node must know its public half, as it does of its own (trustix.token in its state folder)",
  );
}

const WHOSE = {
  private: "holders of write tokens",
  writer: "holders of write tokens",
  peer: "peers",
  owner: "the holder of the node's own token (trustix.token in its state folder, or what it was started with)",
} as const;

/** Throws `unauthenticated`. */
export function checkBody({ crypto }: Parts, call: SignedCall, body: Uint8Array): void {
  const digest = crypto.sha256(body);
  if (equalBytes(digest, call.bodyDigest)) return;
  const [came, signed] = [digest, call.bodyDigest].map((bytes) => toHex(bytes).slice(0, 16));
  throw refusal(`a body with digest ${came}... came, and the call was signed for one with ${signed}...`);
}

/** Throws `unauthenticated` if the token was revoked, or another one put in its place, since the call began. */
export function checkStillKnown({ tokens }: Parts, by: KnownToken): void {
  const now = tokens.get(by.name);
  if (now === by) return;
  const still = now !== undefined && equalBytes(now.publicKey, by.publicKey) && by.roles.isSubsetOf(now.roles);
  if (!still) throw refusal(`token ${JSON.stringify(by.name)} was revoked while the call was under way`);
}

function checkAudience({ audience }: SignedCall, names: readonly string[], request: AnyRequest): void {
  const { localAddress, localPort } = request.socket;
  const own = namesAt(localAddress, localPort);
  if (isCalled(audience, [...names, ...own])) return;
  throw refusal(
    `the call was signed for a node called ${JSON.stringify(audience)}, and this one is called ${[...names, ...own].join(", ")}`,
    `if it is this one, write names = [${JSON.stringify(audience)}] for this listener; else somebody passed on another node's call`,
  );
}

function asCaller<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new NodeError("unauthenticated", cause.message, { cause });
  }
}

function refusal(message: string, hint?: string): NodeError {
  return new NodeError("unauthenticated", message, hint === undefined ? {} : { hint });
}
