/**
 * Tokens among peers. Every node's own token is called `default`, and a name has one key: so among peers a token is called by
 * its key, whatever its file says.
 */
import { toHex } from "@trustix/crypto";
import type { PublicToken } from "@trustix/protocol";

/** The same token under the name by which peers know it. */
export function asPeer<T extends PublicToken>(token: T): T {
  return { ...token, name: `peer-${toHex(token.publicKey).slice(0, 16)}` };
}
