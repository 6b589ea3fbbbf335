/**
 * An audit from the machine's store and the node's answers: reads the closures once, asks about all their paths in batches,
 * two at a time. A batch that comes back shorter is asked for again from where it ended.
 */
import type { Crypto } from "@trustix/crypto";
import { nameOf, type StorePath, type ValidPathInfo } from "@trustix/nix-formats";
import { ClosureError, readClosure } from "../closure/read-closure.ts";
import type { RunNix } from "../closure/run-nix.ts";
import { judgePath } from "./judge-path.ts";
import {
  FINDINGS,
  type Audit,
  type AuditedPath,
  type AuditVoter,
  type Finding,
  type PathVerdict,
  type VoterFigures,
} from "./model.ts";

export interface Asked {
  readonly voters: readonly AuditVoter[];
  /** Of the first paths, in their order, and at least of one. */
  readonly verdicts: readonly PathVerdict[];
}

export interface AuditOptions {
  readonly crypto: Crypto;
  readonly nix: RunNix;
  /** As `nix --store` takes it; `undefined`: the machine's. */
  readonly store?: string | undefined;
  /** Store paths whose closures are looked at. */
  readonly roots: readonly string[];
  readonly ask: (paths: readonly StorePath[], signal: AbortSignal) => Promise<Asked>;
  readonly progress?: (progress: AuditProgress) => void;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly signal: AbortSignal;
}

export interface AuditProgress {
  readonly done: number;
  /** 0 while the closure is read. */
  readonly total: number;
}

/** The node's answers do not go together. */
export class AuditError extends Error {
  override name = "AuditError";
}

const BATCH = 250;
/** The node makes the next answer while this one is read. */
const AT_ONCE = 2;

/** Throws `ClosureError` for paths that are not in the store, `AuditError`. */
export async function runAudit(options: AuditOptions): Promise<Audit> {
  const { crypto, nix, store, roots, progress = () => undefined, time, signal } = options;
  progress({ done: 0, total: 0 });
  const infos = await readClosure(nix, roots, signal, store);
  const lacking = roots.find((root) => !infos.some(({ storePath }) => storePath === root));
  // An audit of nothing would find nothing wrong.
  if (lacking !== undefined) throw new ClosureError(`Nix says nothing of ${lacking}`);
  const paths: AuditedPath[] = [];
  let voters: readonly AuditVoter[] = [];
  const open: ValidPathInfo[][] = batchesOf(infos);
  progress({ done: 0, total: infos.length });
  const work = async (): Promise<void> => {
    for (let batch = open.shift(); batch !== undefined; batch = open.shift()) {
      const asked = await options.ask(
        batch.map(({ storePath }) => storePath),
        signal,
      );
      if (asked.verdicts.length === 0) throw new AuditError("the node decided nothing at all");
      if (paths.length > 0 && !sameVoters(voters, asked.voters))
        throw new AuditError("the node's voters changed during the audit: begin again");
      voters = asked.voters;
      asked.verdicts.forEach((verdict, i) => paths.push(judgePath(crypto, batch[i]!, verdict, voters)));
      const left = batch.slice(asked.verdicts.length);
      if (left.length > 0) open.unshift(left);
      progress({ done: paths.length, total: infos.length });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    roots,
    store,
    time,
    paths: paths.sort(byFindingAndName),
    counts: countsOf(paths),
    voters: figuresOf(paths, voters),
  };
}

function byFindingAndName(a: AuditedPath, b: AuditedPath): number {
  const [first, second] = [a, b].map(({ path }) => `${nameOf(path)} ${path}`);
  return FINDINGS.indexOf(a.finding) - FINDINGS.indexOf(b.finding) || (first! < second! ? -1 : 1);
}

function sameVoters(a: readonly AuditVoter[], b: readonly AuditVoter[]): boolean {
  return a.length === b.length && a.every(({ id }, i) => id === b[i]!.id);
}

function batchesOf(infos: readonly ValidPathInfo[]): ValidPathInfo[][] {
  const batches: ValidPathInfo[][] = [];
  for (let at = 0; at < infos.length; at += BATCH) batches.push(infos.slice(at, at + BATCH));
  return batches;
}

function countsOf(paths: readonly AuditedPath[]): Record<Finding, number> {
  const counts = Object.fromEntries(FINDINGS.map((finding) => [finding, 0])) as Record<Finding, number>;
  for (const { finding } of paths) counts[finding]++;
  return counts;
}

function figuresOf(paths: readonly AuditedPath[], voters: readonly AuditVoter[]): VoterFigures[] {
  return voters.map((voter, i) => {
    let [claims, differing, silent] = [0, 0, 0];
    for (const { decided, votes } of paths) {
      const { outcome, claim, same } = votes[i]!;
      if (claim === undefined) {
        if (outcome !== "absent") silent++;
        continue;
      }
      claims++;
      if (decided === undefined ? same === false : claim.digest !== decided.digest) differing++;
    }
    return { ...voter, claims, differing, silent };
  });
}
