/**
 * The copy of a followed log: what a published log has of entries, log tree and map, up to the number that the copy's
 * state names; the head that is served; one claim an entry; and values, of which some may be missing if that is noted.
 */
import { toHex } from "@trustix/crypto";
import { type LogHead, verifyHead } from "@trustix/protocol";
import { type MirrorState, decodeMirrorState } from "../mirror/mirror-state.ts";
import { checkRunClaims } from "./check-claims.ts";
import { checkEntries } from "./check-entries.ts";
import { heldHead } from "./check-followed.ts";
import { type KeptVersion, checkMap, versionsWithGarbage } from "./check-map.ts";
import { checkSpaces, kindsOfCopy } from "./check-spaces.ts";
import { checkMissingNotes, lackingValues } from "./check-values.ts";
import type { Check } from "./fsck.ts";
import type { CopyFound } from "./report.ts";
import type { EntryRun } from "./stored-entries.ts";

/** `record`: the copy's state. */
export async function checkCopy(check: Check, record: Uint8Array): Promise<CopyFound> {
  const { keys, findings } = check;
  await checkSpaces(check, kindsOfCopy(keys));
  const state = findings.reading("the copy's state", () => decodeMirrorState(record, keys.mirrorState));
  // Nothing else says how far the copy is.
  if (state === undefined) return { kind: "copy", entries: 0, served: undefined, withoutValue: 0 };
  await checkServed(check, state);
  let withoutValue = 0;
  const entries = await checkEntries(check, {
    total: state.entries,
    teller: "the copy's state",
    heads: servedHead(state),
    checkRun: async (run) => {
      await checkRunClaims(check, run);
      withoutValue += await checkValues(check, run, state.valued);
    },
  });
  if (state.map !== undefined)
    await checkMap(check, { newest: state.map, where: "the copy", kept: keptVersions(check, state) });
  await checkMissingNotes(check, state.entries);
  return { kind: "copy", entries, served: state.served?.head.treeSize, withoutValue };
}

/** The follower stores a head before anybody asks for the entries under it. */
async function checkServed({ reads, crypto, info, findings }: Check, { served }: MirrorState): Promise<void> {
  if (served === undefined) return;
  const { treeSize } = served.head;
  if (!verifyHead(crypto, info.publicKey, served.head))
    findings.add("wrong", "the served head is not signed by the log's key");
  const held = await heldHead(reads, info.id, findings.muted());
  if (held === undefined) findings.add("missing", `the held head; one of ${treeSize} entries is served`);
  else if (held.treeSize < treeSize)
    findings.add("wrong", `the served head has ${treeSize} entries, the held one ${held.treeSize}`);
}

async function* servedHead({ served }: MirrorState): AsyncGenerator<LogHead> {
  if (served !== undefined) yield served.head;
}

/** Returns how many entries are without their value. Up to `valued`, each of those is noted. */
async function checkValues(check: Check, run: EntryRun, valued: number): Promise<number> {
  const { reads, keys, findings } = check;
  const isLacking = await lackingValues(check, run);
  const lacking = run.entries.flatMap(({ valueDigest }, i) =>
    isLacking[i] ? [{ valueDigest, index: run.first + i }] : [],
  );
  const asked = lacking.filter(({ index }) => index < valued);
  const notes = await reads.getMany(asked.map(({ valueDigest }) => keys.missingValue(valueDigest)));
  for (const [i, { valueDigest }] of asked.entries())
    if (!notes[i]) findings.add("missing", `value ${toHex(valueDigest)}, and no note that it is missing`);
  return lacking.length;
}

/** The served one, those between it and the newest whose pages are still here, and the newest. */
async function* keptVersions(check: Check, { map, oldest, served }: MirrorState): AsyncGenerator<KeptVersion> {
  if (map === undefined) return;
  const own = served?.map;
  if (own !== undefined && own.version !== map.version)
    yield { version: own.version, at: own, where: "the served head" };
  for await (const version of versionsWithGarbage(check))
    if (version >= oldest && version < map.version && version !== own?.version)
      yield { version, at: undefined, where: `version ${version} of the copy` };
  yield { version: map.version, at: map, where: "the copy" };
}
