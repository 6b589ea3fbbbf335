/**
 * One path: what is installed against what was decided and claimed. Facts are compared (path, NAR hash, size, references), so
 * spelling is no difference. What this machine says of itself (built here, content address) is the word of its Nix.
 */
import { equalBytes, toBase64, toHex, type Crypto } from "@trustix/crypto";
import { formatContentAddress, type ValidPathInfo } from "@trustix/nix-formats";
import { encodeNixValue, parseNixValue, ProtocolError, type Hash, type NixValue, type Vote } from "@trustix/protocol";
import { provenContent } from "../proxy/proven-content.ts";
import type { AuditClaim, AuditedPath, AuditVote, AuditVoter, Finding, InstalledPath, PathVerdict } from "./model.ts";

export function judgePath(
  crypto: Crypto,
  info: ValidPathInfo,
  verdict: PathVerdict,
  voters: readonly AuditVoter[],
): AuditedPath {
  const facts = factsOf(info);
  const digest = crypto.sha256(encodeNixValue(facts));
  const cast = new Map<string, Vote>(verdict.votes.map((vote) => [vote.logId, vote]));
  const votes = voters.map(({ id }): AuditVote => {
    const vote = cast.get(id);
    if (vote === undefined) return UNHEARD;
    const claim = vote.digest === undefined ? undefined : claimOf(vote.digest, verdict.values);
    const same = vote.digest === undefined ? undefined : sameOrUnknown(vote.digest, digest, claim);
    return { outcome: vote.outcome, reason: vote.reason, claim, same };
  });
  const decided = verdict.decided && {
    ...claimOf(verdict.decided.digest, verdict.values),
    confidence: verdict.decided.confidence,
  };
  const isDecided = verdict.decided !== undefined && equalBytes(verdict.decided.digest, digest);
  const installed = installedOf(info, facts);
  const content = provenContent(crypto, info) !== undefined;
  const asked = { info, installed, decided, isDecided, votes, voters, content, reason: verdict.reason };
  return { path: info.storePath, ...findingOf(asked), installed, decided, votes };
}

const UNHEARD: AuditVote = {
  outcome: "unreachable",
  reason: "the node does not say",
  claim: undefined,
  same: undefined,
};

interface Asked {
  readonly info: ValidPathInfo;
  readonly installed: InstalledPath;
  readonly decided: AuditedPath["decided"];
  /** What is installed is what was decided. */
  readonly isDecided: boolean;
  readonly votes: readonly AuditVote[];
  readonly voters: readonly AuditVoter[];
  /** Its name is the address of its content. */
  readonly content: boolean;
  readonly reason: string;
}

function findingOf(asked: Asked): { readonly finding: Finding; readonly why: string } {
  const { info, installed, decided, isDecided, votes, voters, content, reason } = asked;
  if (isDecided) return { finding: "agreed", why: reason };
  const byContent = `its name is the address of its content, ${installed.contentAddress}`;
  if (decided !== undefined) {
    const other = `decided is ${differenceTo(installed.facts, decided)} (${reason})`;
    // Then the NAR hash itself is in the name, and whoever claims another one claims the impossible.
    const isShown = content && info.ca?.method === "nar" && info.ca.hash.algorithm === "sha256";
    if (isShown) return { finding: "content-addressed", why: `${byContent}; ${other}` };
    return { finding: "dissent", why: `${info.ultimate ? "built here, but " : ""}${other}` };
  }
  const [same, other] = [true, false].map((is) => voters.filter((_, i) => votes[i]!.same === is));
  const said = [claimsText(same!, "the same"), claimsText(other!, "something else")].filter((text) => text !== "");
  if (content) return { finding: "content-addressed", why: byContent };
  if (info.ultimate) return { finding: "own-build", why: `built here; ${said.join("; ") || reason}` };
  if (other!.length > 0) return { finding: "dissent", why: [...said, reason].join("; ") };
  // Whoever could not be asked may claim it as well.
  const isSure = votes.every(({ outcome }) => outcome === "claims" || outcome === "absent" || outcome === "excluded");
  if (!isSure) return { finding: "undecided", why: reason };
  const claiming = voters.filter((_, i) => votes[i]!.outcome === "claims");
  if (claiming.length === 0) return { finding: "no-claim", why: reason };
  const units = new Set(
    claiming.map(({ id, operator }) => (operator === undefined ? `voter ${id}` : `of ${operator}`)),
  );
  return units.size === 1 && same!.length > 0
    ? {
        finding: "single-source",
        why: `only ${nameList(claiming)} ${claiming.length === 1 ? "claims" : "claim"} it; ${reason}`,
      }
    : { finding: "undecided", why: reason };
}

/** `mars and venus claim the same`. */
function claimsText(voters: readonly AuditVoter[], what: string): string {
  return voters.length === 0 ? "" : `${nameList(voters)} ${voters.length === 1 ? "claims" : "claim"} ${what}`;
}

function nameList(voters: readonly AuditVoter[]): string {
  const names = voters.map(({ name }) => name);
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** In what the other facts differ, the weightiest thing only. */
function differenceTo(installed: NixValue, { facts, digest }: AuditClaim): string {
  if (facts === undefined) return `the value ${digest}`;
  if (facts.path !== installed.path) return `what is said of ${facts.path}`;
  if (facts.narHash !== installed.narHash) return `${facts.narHash}, installed ${installed.narHash}`;
  if (facts.narSize !== installed.narSize) return `${facts.narSize} bytes, installed ${installed.narSize}`;
  return "the same content with other references";
}

function claimOf(digest: Hash, values: ReadonlyMap<string, Uint8Array>): AuditClaim {
  const hex = toHex(digest);
  const value = values.get(hex);
  return { digest: hex, facts: value && factsIn(value) };
}

/** A digest without its value may be another spelling of what is installed. */
function sameOrUnknown(claimed: Hash, installed: Hash, claim: AuditClaim | undefined): boolean | undefined {
  if (equalBytes(claimed, installed)) return true;
  return claim?.facts === undefined ? undefined : false;
}

function factsOf({ storePath, narHash, narSize, references }: ValidPathInfo): NixValue {
  return { path: storePath, narHash: `sha256-${toBase64(narHash)}`, narSize, references };
}

function factsIn(value: Uint8Array): NixValue | undefined {
  try {
    return parseNixValue(value);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function installedOf({ ultimate, ca, signatures }: ValidPathInfo, facts: NixValue): InstalledPath {
  return {
    facts,
    builtHere: ultimate,
    contentAddress: ca && formatContentAddress(ca),
    signedBy: [...new Set(signatures.map(({ name }) => name))],
  };
}
