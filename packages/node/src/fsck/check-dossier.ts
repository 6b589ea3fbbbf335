/** What is kept of voters beside their claims: each record can be read and lies under its own voter's key. */
import { equalBytes, fromHex, toHex, utf8 } from "@trustix/crypto";
import type { Crypto } from "@trustix/crypto";
import type { Reads } from "@trustix/storage";
import { type KeyRange, dossierRecords, exclusionKey, overrideKey, secondAnswerKey } from "../logs/keys.ts";
import { decodeExclusion, decodeOverride, decodeSecondAnswer } from "../standing/dossier-records.ts";
import type { Findings } from "./report.ts";

export async function checkDossier(reads: Reads, crypto: Crypto, findings: Findings): Promise<void> {
  const { overrides, exclusions, secondAnswers } = dossierRecords();
  // None is ever removed, so their numbers have no gaps.
  let next = 0;
  await each(overrides, "what the user said of a voter", decodeOverride, () => overrideKey(next++));
  await each(exclusions, "the exclusion of a voter", decodeExclusion, ({ voter }) => exclusionKey(fromHex(voter)));
  await each(secondAnswers, "a second answer", decodeSecondAnswer, ({ voter, key }) =>
    secondAnswerKey(fromHex(voter), crypto.sha256(utf8(key))),
  );

  /** Reads each record, and holds its key against the one that it should have. */
  async function each<T>(
    { from, to }: KeyRange,
    what: string,
    decode: (bytes: Uint8Array, key: Uint8Array) => T,
    keyOf: (record: T) => Uint8Array,
  ): Promise<void> {
    for await (const [key, value] of reads.range(from, to)) {
      const record = findings.reading(what, () => decode(value, key));
      if (record !== undefined && !equalBytes(key, keyOf(record)))
        findings.add("wrong", `${what} lies under another's key (key ${toHex(key)})`);
    }
  }
}
