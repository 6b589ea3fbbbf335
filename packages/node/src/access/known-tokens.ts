/**
 * Whose calls are believed, and for what: the node's own token, those of the configuration, and what `trustix token` added
 * and revoked. Held in memory and replaced as a whole, so that a change counts at the next look.
 *
 * One name, one key. Who comes first has the name; the same token granted twice may do both.
 */
import { equalBytes } from "@trustix/crypto";
import { formatPublicToken, type PublicToken } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { KnownToken, ListedToken, Role, TokenOrigin, Tokens } from "../model.ts";
import { readTokenChanges, type TokenChanges, writeTokenChanges } from "./token-changes.ts";

/** Something that the holder of a token may do, and where that is said. */
export interface Grant {
  readonly token: PublicToken;
  readonly role: Role;
  readonly from: TokenOrigin;
}

/** `path`: the list of changes, which need not be there. Throws `bad_config`. */
export async function openKnownTokens(path: string, grants: readonly Grant[]): Promise<KnownTokens> {
  return new KnownTokens(path, grants, await readTokenChanges(path));
}

export class KnownTokens implements Tokens {
  readonly #path: string;
  #grants: readonly Grant[];
  #changes: TokenChanges;
  #merged: Merged;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, grants: readonly Grant[], changes: TokenChanges) {
    this.#path = path;
    this.#grants = grants;
    this.#changes = changes;
    this.#merged = merge(grants, changes);
  }

  get(name: string): KnownToken | undefined {
    return this.#merged.known.get(name);
  }

  list(): readonly ListedToken[] {
    return this.#merged.listed;
  }

  /** One sentence for each token that another of its name keeps out. */
  conflicts(): readonly string[] {
    return this.#merged.conflicts;
  }

  /** Other grants, and the list read again. Throws `bad_config` and changes nothing. */
  reload(grants: readonly Grant[]): Promise<void> {
    return this.#inTurn(async () => {
      const changes = await readTokenChanges(this.#path);
      this.#grants = grants;
      this.#take(changes);
    });
  }

  add(token: PublicToken): Promise<void> {
    return this.#inTurn(async () => {
      const known = this.get(token.name);
      if (known !== undefined && !equalBytes(known.publicKey, token.publicKey)) {
        throw new NodeError("invalid_argument", `token ${quoted(token.name)} is known with another key`, {
          hint: `\`trustix token revoke\` it first: its holder is refused from then on`,
        });
      }
      if (known?.roles.has("writer") === true) return;
      const revoked = this.#changes.revoked.filter((other) => !same(other, token));
      const isGranted = this.#grants.some((grant) => grant.role === "writer" && same(grant.token, token));
      const added = [...this.#changes.added.filter((other) => !same(other, token)), ...(isGranted ? [] : [token])];
      await this.#keep({ added, revoked });
    });
  }

  revoke(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const token = this.get(name);
      if (token === undefined) {
        throw new NodeError("not_found", `token ${quoted(name)} is not known to this node`, {
          hint: "`trustix token list` shows those that are",
        });
      }
      if (token.roles.has("owner")) {
        throw new NodeError(
          "invalid_argument",
          `token ${quoted(name)} is the node's own and cannot be revoked by itself`,
          {
            hint: "put another file in its place (or remove it: a new one is made) and send the daemon SIGHUP",
          },
        );
      }
      const added = this.#changes.added.filter((other) => !same(other, token));
      const isGranted = this.#grants.some((grant) => same(grant.token, token));
      await this.#keep({ added, revoked: [...this.#changes.revoked, ...(isGranted ? [token] : [])] });
    });
  }

  /** On disk first: if we stop here, the next start knows what the caller may have been told. */
  async #keep(changes: TokenChanges): Promise<void> {
    await writeTokenChanges(this.#path, changes);
    this.#take(changes);
  }

  #take(changes: TokenChanges): void {
    this.#changes = changes;
    this.#merged = merge(this.#grants, changes);
  }

  /** One change after the other: each begins with what the last one left. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

interface Merged {
  readonly known: ReadonlyMap<string, KnownToken>;
  readonly listed: readonly ListedToken[];
  readonly conflicts: readonly string[];
}

function merge(grants: readonly Grant[], { added, revoked }: TokenChanges): Merged {
  const known = new Map<string, ListedToken & { roles: Set<Role> }>();
  const out: ListedToken[] = [];
  const conflicts = new Set<string>();
  const isRevoked = new Set(revoked.map(formatPublicToken));
  const all = [...grants, ...added.map((token): Grant => ({ token, role: "writer", from: "added" }))];
  for (const { token, role, from } of all) {
    // The node's own is what the daemon was started with, on purpose.
    if (from !== "own" && isRevoked.delete(formatPublicToken(token))) {
      out.push({ ...plain(token), roles: new Set(), from, revoked: true });
      continue;
    }
    if (from !== "own" && out.some((other) => same(other, token))) continue;
    const first = known.get(token.name);
    if (first === undefined) known.set(token.name, { ...plain(token), roles: new Set([role]), from, revoked: false });
    else if (same(first, token)) first.roles.add(role);
    else conflicts.add(`token ${quoted(token.name)} (${from}) is not used: another key has its name (${first.from})`);
  }
  return { known, listed: [...known.values(), ...out], conflicts: [...conflicts] };
}

/** Without the private half that a token may carry. */
function plain({ name, publicKey }: PublicToken): PublicToken {
  return { name, publicKey };
}

function same(a: PublicToken, b: PublicToken): boolean {
  return a.name === b.name && equalBytes(a.publicKey, b.publicKey);
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
