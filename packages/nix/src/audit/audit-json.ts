/** An audit as JSON, for scripts: everything it says, digests in hex. */
import type { Audit, AuditClaim, AuditedPath, AuditVote } from "./model.ts";

export function auditToJson({ roots, store, time, counts, voters, paths }: Audit): object {
  return {
    roots,
    ...(store !== undefined && { store }),
    time: new Date(time).toISOString(),
    counts,
    voters: voters.map(({ operator, ...voter }) => ({ ...voter, ...(operator !== undefined && { operator }) })),
    paths: paths.map((path) => pathToJson(path, voters)),
  };
}

function pathToJson({ path, finding, why, installed, decided, votes }: AuditedPath, voters: Audit["voters"]): object {
  const { facts, builtHere, contentAddress, signedBy } = installed;
  return {
    path,
    finding,
    why,
    installed: {
      ...factsToJson(facts),
      builtHere,
      ...(contentAddress !== undefined && { contentAddress }),
      signedBy,
    },
    ...(decided !== undefined && { decided: { ...claimToJson(decided), confidence: decided.confidence } }),
    votes: votes.map((vote, i) => voteToJson(vote, voters[i]!.name)),
  };
}

function voteToJson({ outcome, reason, claim, same }: AuditVote, voter: string): object {
  return {
    voter,
    outcome,
    ...(reason !== "" && { reason }),
    ...(claim !== undefined && { claim: claimToJson(claim) }),
    ...(same !== undefined && { same }),
  };
}

function claimToJson({ digest, facts }: AuditClaim): object {
  return { digest, ...(facts !== undefined && factsToJson(facts)) };
}

function factsToJson({ narHash, narSize, references }: NonNullable<AuditClaim["facts"]>): object {
  return { narHash, narSize, references };
}
