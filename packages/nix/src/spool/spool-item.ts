/**
 * One file of the spool, as `hook/post-build-hook.sh` writes it: what Nix just built, and what its store says of it.
 *
 *     trustix-spool 1
 *     drv /nix/store/<hash>-hello-2.12.drv
 *     out /nix/store/<hash>-hello-2.12           one line for each output that was asked about
 *     facts
 *     ...                                        `nix-store --dump-db`, or nothing when it failed
 *     derivation
 *     Derive(...)                                raw bytes, empty when it could not be read
 *     end
 *
 * The last line tells a whole item from a torn one. Everything in it counts as hostile.
 */
import { parseStorePath } from "@trustix/nix-formats";
import type { StorePath } from "@trustix/nix-formats";
import type { PathFacts } from "../claim.ts";
import { parseDumpDb } from "./dump-db.ts";

/** Longest item that is read: derivations of some MiB exist, 16 MiB are somebody's joke. */
export const MAX_ITEM_BYTES = 16 << 20;
const MAX_HEAD_BYTES = 4 << 20;
const MAX_OUTPUTS = 1000;

export interface SpoolItem {
  readonly drvPath: StorePath;
  /** Outputs that the hook asked the store about. */
  readonly outputs: readonly string[];
  readonly facts: readonly PathFacts[];
  /** The raw `.drv`; empty when the hook could not read it. */
  readonly derivation: Uint8Array;
}

const HEAD_END = Buffer.from("\nderivation\n");
const ITEM_END = Buffer.from("\nend\n");

/** Throws `SyntaxError`, or `NixFormatError` for a wrong store path, saying what came and what was wanted. */
export function parseSpoolItem(bytes: Uint8Array): SpoolItem {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = data.subarray(0, MAX_HEAD_BYTES).indexOf(HEAD_END);
  if (headEnd < 0) throw new SyntaxError("item: no line `derivation`: torn, or not an item");
  const from = headEnd + HEAD_END.length;
  const to = data.length - ITEM_END.length;
  if (to < from || !data.subarray(to).equals(ITEM_END)) throw new SyntaxError("item: does not end in `end`: torn");

  const [version, drv, ...rest] = data.toString("latin1", 0, headEnd).split("\n");
  if (version !== "trustix-spool 1")
    throw new SyntaxError(`item: starts with ${JSON.stringify(version?.slice(0, 40))}`);
  if (!drv?.startsWith("drv ") || !drv.endsWith(".drv")) throw new SyntaxError("item: second line is not `drv PATH`");
  const drvPath = parseStorePath(drv.slice(4));
  const outputs: string[] = [];
  while (rest[outputs.length]?.startsWith("out /")) outputs.push(rest[outputs.length]!.slice(4));
  if (outputs.length > MAX_OUTPUTS) throw new SyntaxError(`item: more than ${MAX_OUTPUTS} outputs`);
  if (rest[outputs.length] !== "facts") throw new SyntaxError(`item: line ${outputs.length + 3} is not \`facts\``);
  const facts = parseDumpDb(rest.slice(outputs.length + 1).join("\n"));
  return { drvPath, outputs: outputs.map(parseStorePath), facts, derivation: new Uint8Array(data.subarray(from, to)) };
}
