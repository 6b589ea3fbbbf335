/** Spool items and the facts in them against their corpus: whoever may write to the spool may write anything. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "@trustix/crypto";
import { NixFormatError } from "@trustix/nix-formats";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import type { PathFacts } from "../../src/claim.ts";
import { parseDumpDb } from "../../src/spool/dump-db.ts";
import { parseSpoolItem, type SpoolItem } from "../../src/spool/spool-item.ts";
import { DRV, factsText, itemText, OUT } from "./items.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const written = readdirSync(FIXTURES).map((name) => new Uint8Array(readFileSync(join(FIXTURES, name))));
const isRefusal = (error: unknown): boolean => error instanceof SyntaxError || error instanceof NixFormatError;

/** As `nix-store --dump-db` prints them, without derivers: nothing is claimed of those. */
function printFacts(facts: readonly PathFacts[]): string {
  return facts
    .map(({ path, narHash, narSize, references }) =>
      [path, toHex(narHash), narSize, "", references.length, ...references].join("\n"),
    )
    .join("\n");
}

function printItem({ drvPath, outputs, facts, derivation }: SpoolItem): Uint8Array {
  const lines = facts.length === 0 ? "" : `${printFacts(facts)}\n`;
  const empty = itemText({ drv: drvPath, outputs, facts: lines, derivation: "" });
  return new Uint8Array(
    Buffer.concat([Buffer.from(empty.slice(0, -"\nend\n".length)), derivation, Buffer.from("\nend\n")]),
  );
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describeParsers(join(import.meta.dirname, "corpus"), {
  item: parser({
    read: parseSpoolItem,
    print: printItem,
    good: fc.constantFrom(...written, new Uint8Array(Buffer.from(itemText()))),
    isRefusal,
  }),
  facts: parser({
    read: (bytes) => parseDumpDb(text(bytes)),
    print: (facts) => new Uint8Array(Buffer.from(printFacts(facts))),
    good: fc.constantFrom(
      new Uint8Array(Buffer.from(factsText(OUT).trimEnd())),
      new Uint8Array(Buffer.from(`${factsText(OUT)}${OUT}-dev\n${"cd".repeat(32)}\n1\n\n2\n${OUT}\n${DRV}`)),
    ),
    isRefusal,
  }),
});
