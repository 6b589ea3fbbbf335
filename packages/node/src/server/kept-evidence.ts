/** `NodeExt.Evidence`, `GetEvidence`, `ImportEvidence`: proofs of misbehaviour, for the node's own user. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describeEvidence } from "@trustix/client";
import { fromHex, toHex } from "@trustix/crypto";
import { type EvidenceResponseSchema, ImportEvidenceResponse_Outcomes } from "@trustix/proto";
import { NodeError } from "../errors.ts";
import type { Kept, KeptEvidence } from "../model.ts";
import type { ServerParts } from "./parts.ts";
import { hashField } from "./request-fields.ts";

const OUTCOMES: Readonly<Record<Kept["outcome"], ImportEvidenceResponse_Outcomes>> = {
  kept: ImportEvidenceResponse_Outcomes.KEPT,
  known: ImportEvidenceResponse_Outcomes.KNOWN,
  enough: ImportEvidenceResponse_Outcomes.ENOUGH,
};

export async function evidencePage(
  parts: ServerParts,
  after: Uint8Array | undefined,
): Promise<MessageInitShape<typeof EvidenceResponseSchema>> {
  const { items, next } = await parts.evidence.list(after);
  return { Items: items.map((kept) => itemOf(parts, kept)), ...(next !== undefined && { Next: next }) };
}

export async function evidenceFile(parts: ServerParts, idField: Uint8Array): Promise<Uint8Array> {
  const id = toHex(hashField("ID", idField));
  const file = await parts.evidence.file(id);
  if (file === undefined) throw new NodeError("not_found", `no evidence with id ${id} is kept here`);
  return file;
}

export async function importEvidence(parts: ServerParts, file: Uint8Array) {
  const { id, outcome } = await parts.evidence.import(file);
  return { ID: fromHex(id), Outcome: OUTCOMES[outcome] };
}

function itemOf({ namesOf }: ServerParts, { id, evidence, time, origin, bytes }: KeptEvidence) {
  return {
    ID: fromHex(id),
    Kind: evidence.kind,
    PublicKey: evidence.publicKey,
    Names: [...namesOf(evidence.publicKey)],
    Summary: describeEvidence(evidence),
    Time: BigInt(time),
    Imported: origin === "imported",
    Size: BigInt(bytes),
  };
}
