/** What becomes of one item: claims to submit, nothing (with the reason), or `bad/` (with the reason). Pure. */
import { nameOf, parseDerivation } from "@trustix/nix-formats";
import type { Derivation, StorePath } from "@trustix/nix-formats";
import { claimOf } from "../claim.ts";
import type { Claim } from "../claim.ts";
import { isLocal } from "./local-derivation.ts";
import type { PublishFilter } from "./publish-filter.ts";
import { parseSpoolItem } from "./spool-item.ts";
import type { SpoolItem } from "./spool-item.ts";

export type Verdict =
  | { readonly kind: "publish"; readonly claims: readonly Claim[]; readonly withheld: readonly Withheld[] }
  /** Nothing of it is to be published; not an error. */
  | { readonly kind: "skip"; readonly drvPath: StorePath; readonly why: string }
  /** It cannot be used. */
  | { readonly kind: "bad"; readonly why: string };

/** An output that the rules keep private. */
export interface Withheld {
  readonly path: StorePath;
  readonly why: string;
}

/** Never throws for what the item holds. */
export function judgeItem(bytes: Uint8Array, filter: PublishFilter): Verdict {
  try {
    const item = parseSpoolItem(bytes);
    // Without its attributes nobody can say whether it may be published.
    if (item.derivation.length === 0) return { kind: "bad", why: `the hook could not read ${item.drvPath}` };
    return judge(item, parseDerivation(item.derivation), filter);
  } catch (error) {
    return { kind: "bad", why: error instanceof Error ? error.message : String(error) };
  }
}

function judge(item: SpoolItem, derivation: Derivation, filter: PublishFilter): Verdict {
  const { drvPath } = item;
  const stated = derivation.outputs.map((output) => output.path);
  const floating = stated.includes(undefined);
  if (item.facts.length === 0) {
    if (floating && item.outputs.length === 0) {
      return { kind: "skip", drvPath, why: "content-addressed, and this Nix does not tell its hook what came out" };
    }
    return {
      kind: "bad",
      why: `no facts of the outputs of ${drvPath}; trustix-nix submit-closure can still submit them`,
    };
  }
  const asked = new Set(item.outputs);
  const known = new Set(stated);
  const claims: Claim[] = [];
  const withheld: Withheld[] = [];
  const local = isLocal(derivation);
  for (const facts of item.facts) {
    if (!asked.has(facts.path) || (!floating && !known.has(facts.path))) {
      return { kind: "bad", why: `facts of ${facts.path}, which is no output of ${drvPath}` };
    }
    const candidate = { derivation: nameOf(drvPath).replace(/\.drv$/, ""), output: nameOf(facts.path), local };
    const why = filter(candidate);
    if (why === undefined) claims.push(claimOf(facts));
    else withheld.push({ path: facts.path, why });
  }
  if (claims.length === 0) return { kind: "skip", drvPath, why: `not published: ${withheld[0]!.why}` };
  return { kind: "publish", claims, withheld };
}
