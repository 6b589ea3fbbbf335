/**
 * Submits what this machine built of the closures of some store paths: what was built before the hook was installed, or
 * what the hook could not note. Paths that were copied here are named and left out, because a log says what its owner
 * built; the same rules of privacy hold as for the hook.
 */
import { nameOf, parseDerivation } from "@trustix/nix-formats";
import type { StorePath, ValidPathInfo } from "@trustix/nix-formats";
import { claimOf } from "../claim.ts";
import type { Claim, Submit } from "../claim.ts";
import { ClosureError, readClosure } from "./read-closure.ts";
import type { RunNix } from "./run-nix.ts";
import { isLocal } from "../spool/local-derivation.ts";
import type { PublishFilter } from "../spool/publish-filter.ts";

export interface SubmitClosureOptions {
  readonly paths: readonly string[];
  readonly submit: Submit;
  readonly nix: RunNix;
  readonly filter: PublishFilter;
  /** Also what was copied here or has lost its derivation. For tests: it claims what others built. */
  readonly all?: boolean;
  readonly progress?: (progress: ClosureProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ClosureProgress {
  readonly step: "reading the closure" | "reading derivations" | "submitting";
  readonly done: number;
  /** 0 while it is not known. */
  readonly total: number;
}

export interface ClosureReport {
  readonly submitted: readonly StorePath[];
  /** The log holds another value for these. */
  readonly refused: readonly StorePath[];
  /** Not submitted, and why. */
  readonly left: readonly { readonly path: StorePath; readonly why: string }[];
}

const BATCH = 200;
const READERS = 4;

/** Throws `ClosureError` for paths that are not valid here and for a batch the node will not take. */
export async function submitClosure(options: SubmitClosureOptions): Promise<ClosureReport> {
  const { paths, submit, nix, progress = () => undefined, signal = new AbortController().signal } = options;
  progress({ step: "reading the closure", done: 0, total: 0 });
  const infos = await readClosure(nix, paths, signal);
  const left: { path: StorePath; why: string }[] = [];
  const claims: Claim[] = [];
  let read = 0;
  const results = await inParallel(infos, READERS, async (info) => {
    const why = await reasonToLeave(info, options, signal);
    progress({ step: "reading derivations", done: ++read, total: infos.length });
    return why;
  });
  infos.forEach((info, i) => {
    const why = results[i];
    const { storePath: path, narHash, narSize, references } = info;
    if (why === undefined) claims.push(claimOf({ path, narHash, narSize, references }));
    else left.push({ path, why });
  });

  const refused = new Set<string>();
  for (let at = 0; at < claims.length; at += BATCH) {
    const batch = claims.slice(at, at + BATCH);
    const outcome = await submit(batch, signal);
    if (outcome.state === "invalid") {
      throw new ClosureError(`the node will not take ${batch[0]!.path} and ${batch.length - 1} more: ${outcome.why}`);
    }
    for (const key of outcome.refused) refused.add(Buffer.from(key).toString());
    progress({ step: "submitting", done: at + batch.length, total: claims.length });
  }
  const all = claims.map((claim) => claim.path);
  return {
    submitted: all.filter((path) => !refused.has(path)),
    refused: all.filter((path) => refused.has(path)),
    left,
  };
}

async function reasonToLeave(
  info: ValidPathInfo,
  { nix, filter, all = false }: SubmitClosureOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!info.ultimate && !all) return "not built here";
  const output = nameOf(info.storePath);
  const { deriver } = info;
  if (deriver === undefined)
    return all ? filter({ derivation: output, output, local: false }) : "its derivation is not known";
  const name = nameOf(deriver).replace(/\.drv$/, "");
  try {
    const derivation = parseDerivation(await nix(["store", "cat", deriver], signal));
    return filter({ derivation: name, output, local: isLocal(derivation) });
  } catch (error) {
    signal.throwIfAborted();
    if (all) return filter({ derivation: name, output, local: false });
    // Only its attributes say whether it may be published; `publish.allow` can say so too.
    const why = filter({ derivation: name, output, local: true });
    return why === undefined ? undefined : `its derivation cannot be read: ${firstLine(error)}`;
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
}

async function inParallel<T, R>(items: readonly T[], many: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: many }, worker));
  return results;
}
