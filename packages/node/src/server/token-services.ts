/** Whose calls are believed: shown and changed by the holder of the node's own token. */
import { ListedToken_Origin, ListedToken_Role, NodeExt } from "@trustix/proto";
import { formatPublicToken, parsePublicToken, ProtocolError, type PublicToken } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { Role, TokenOrigin } from "../model.ts";
import type { ServerParts } from "./parts.ts";
import { ownerRoute, type Route } from "./route.ts";

const ROLES: Readonly<Record<Role, ListedToken_Role>> = {
  owner: ListedToken_Role.OWNER,
  writer: ListedToken_Role.WRITER,
  peer: ListedToken_Role.PEER,
};
const ORIGINS: Readonly<Record<TokenOrigin, ListedToken_Origin>> = {
  own: ListedToken_Origin.OWN,
  configuration: ListedToken_Origin.CONFIGURATION,
  added: ListedToken_Origin.ADDED,
};

export function tokenRoutes({ tokens }: Pick<ServerParts, "tokens">): Route[] {
  return [
    ownerRoute(NodeExt.method.tokens, async () => ({
      Tokens: tokens.list().map((token) => ({
        Token: formatPublicToken(token),
        Roles: [...token.roles].map((role) => ROLES[role]),
        From: ORIGINS[token.from],
        Revoked: token.revoked,
      })),
    })),
    ownerRoute(NodeExt.method.addToken, async ({ Token }) => {
      await tokens.add(publicToken(Token));
      return {};
    }),
    ownerRoute(NodeExt.method.revokeToken, async ({ Name }) => {
      await tokens.revoke(Name);
      return {};
    }),
  ];
}

/** What came is not shown: somebody may have sent the private half. */
function publicToken(text: string): PublicToken {
  try {
    return parsePublicToken(text);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new NodeError("invalid_argument", 'Token: "name:base64" of a 32-byte public key wanted', {
      hint: "the file that `trustix generate-token --pubkey` writes holds one",
    });
  }
}
