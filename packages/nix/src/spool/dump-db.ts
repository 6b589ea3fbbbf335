/**
 * Reads what `nix-store --dump-db PATH...` prints, one record after the other, a line for each of: path, NAR hash in
 * hex, NAR size, deriver (may be empty), number of references, then the references. The same in every Nix so far.
 */
import { fromHex } from "@trustix/crypto";
import { parseStorePath } from "@trustix/nix-formats";
import type { StorePath } from "@trustix/nix-formats";
import type { PathFacts } from "../claim.ts";

/** Far over what a derivation has; bounds the work on a hostile item. */
const MAX_RECORDS = 1000;
const MAX_REFERENCES = 20_000;

/** `text` without its last newline, or empty. Throws `SyntaxError` that names the line. */
export function parseDumpDb(text: string): PathFacts[] {
  if (text === "") return [];
  const lines = text.split("\n");
  const facts: PathFacts[] = [];
  let at = 0;
  const next = (what: string): string => {
    const line = lines[at++];
    if (line === undefined) throw new SyntaxError(`facts: ended at line ${at}, ${what} wanted`);
    return line;
  };
  const wrong = (line: string, wanted: string) =>
    new SyntaxError(`facts: line ${at}: ${JSON.stringify(line.slice(0, 80))} came, ${wanted} wanted`);
  const path = (what: string): StorePath => {
    const line = next(what);
    try {
      return parseStorePath(line);
    } catch {
      throw wrong(line, what);
    }
  };
  const count = (what: string, most: number): number => {
    const line = next(what);
    const value = Number(line);
    if (!/^\d{1,16}$/.test(line) || value > most) throw wrong(line, `${what} of at most ${most}`);
    return value;
  };
  while (at < lines.length) {
    if (facts.length === MAX_RECORDS) throw new SyntaxError(`facts: more than ${MAX_RECORDS} paths`);
    const store = path("a store path");
    const hex = next("a NAR hash");
    if (!/^[0-9a-f]{64}$/.test(hex)) throw wrong(hex, "64 hex digits");
    const narSize = count("a NAR size", Number.MAX_SAFE_INTEGER);
    const deriver = next("a deriver");
    if (deriver !== "" && !deriver.startsWith("/")) throw wrong(deriver, "a deriver");
    const references = Array.from({ length: count("a number of references", MAX_REFERENCES) }, () =>
      path("a reference"),
    );
    facts.push({ path: store, narHash: fromHex(hex), narSize, references });
  }
  return facts;
}
