/**
 * How a file at an upstream becomes the answer to a request for a NAR.
 *
 *     same file       passed through, ranges and lengths as of the file
 *     same compression  another file with the same NAR: passed through, whole only
 *     transcoded      decompressed on the way, whole only; only where an uncompressed NAR was asked for
 */
import { equalBytes } from "@trustix/crypto";
import type { SignedFacts } from "@trustix/nix-formats";
import type { NarName } from "./nar-name.ts";
import { fileOf } from "./render-narinfo.ts";
import type { Source } from "./resolution.ts";

export type Form = "same file" | "same compression" | "transcoded";

export interface Delivery {
  readonly source: Source;
  readonly form: Form;
  /** Bytes of the body of a whole answer; `undefined` until the upstream says it. */
  readonly size: number | undefined;
}

/** `undefined`: this source cannot serve this name. */
export function deliveryOf(name: NarName, facts: SignedFacts, source: Source): Delivery | undefined {
  if (source.compression !== name.compression) {
    return name.compression === "none" ? { source, form: "transcoded", size: facts.narSize } : undefined;
  }
  const { fileHash, fileSize } = fileOf(source, facts);
  const wanted = name.compression === "none" ? (name.fileHash ?? facts.narHash) : name.fileHash;
  const same = wanted !== undefined && fileHash !== undefined && equalBytes(wanted, fileHash);
  return { source, form: same ? "same file" : "same compression", size: fileSize };
}

const RANK: Readonly<Record<Form, number>> = { "same file": 0, "same compression": 1, transcoded: 2 };

/** The best first: the very file, then the same compression, then transcoding; those that failed lately at the end. */
export function bestFirst(deliveries: readonly Delivery[], failedLately: (source: Source) => boolean): Delivery[] {
  const rank = ({ form, source }: Delivery) => RANK[form] + (failedLately(source) ? 3 : 0);
  return deliveries.toSorted((a, b) => rank(a) - rank(b));
}
