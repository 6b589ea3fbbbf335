/** A log of this node: heads, entries, map, queue and refused claims. */
import type { LogHead } from "@trustix/protocol";
import { toHex } from "@trustix/crypto";
import { mapHeadIndexOf } from "../logs/head-record.ts";
import { checkEntries } from "./check-entries.ts";
import { checkHeads, storedHeads } from "./check-heads.ts";
import { type KeptVersion, checkMap } from "./check-map.ts";
import { checkMarker } from "./check-marker.ts";
import { checkQueue } from "./check-queue.ts";
import { checkSpaces, kindsOfPublished } from "./check-spaces.ts";
import { lackingValues } from "./check-values.ts";
import type { MarkedPlace } from "../publisher/head-marker.ts";
import type { Check } from "./fsck.ts";
import type { PublishedFound } from "./report.ts";
import type { EntryRun } from "./stored-entries.ts";

export async function checkPublished(check: Check, markers: readonly MarkedPlace[]): Promise<PublishedFound> {
  const { heads, newest } = await checkHeads(check);
  for (const marker of markers) await checkMarker(check, newest, marker);
  const entries = await checkEntries(check, {
    total: newest?.head.treeSize ?? 0,
    teller: "the newest head",
    heads: signedHeads(check),
    checkRun: (run) => checkValues(check, run),
  });
  const map =
    newest && (await checkMap(check, { newest: newest.map, where: "newest head", kept: keptVersions(check) }));
  const { waiting, refused } = await checkQueue(check, map);
  await checkSpaces(check, kindsOfPublished(check.keys));
  return { kind: "published", entries, heads, waiting, refused };
}

async function checkValues(check: Check, run: EntryRun): Promise<void> {
  const lacking = await lackingValues(check, run);
  for (const [i, { valueDigest }] of run.entries.entries())
    if (lacking[i]) check.findings.add("missing", `value ${toHex(valueDigest)}`);
}

/** What is wrong with them is reported by their own check. */
async function* signedHeads(check: Check): AsyncGenerator<LogHead> {
  for await (const { head } of storedHeads({ ...check, findings: check.findings.muted() })) yield head;
}

async function* keptVersions(check: Check): AsyncGenerator<KeptVersion> {
  for await (const { head, map } of storedHeads({ ...check, findings: check.findings.muted() }))
    yield { version: map.version, at: map, where: `head ${mapHeadIndexOf(head)}` };
}
