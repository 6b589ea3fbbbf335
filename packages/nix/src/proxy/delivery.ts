/**
 * How a file at an upstream becomes the answer to a request for a NAR.
 *
 *     same file       passed through, ranges and lengths as of the file
 *     same compression  another file with the same NAR: passed through, whole only
 *     transcoded      decompressed on the way, and compressed again as asked for, whole only
 */
import { equalBytes } from "@trustix/crypto";
import type { SignedFacts } from "@trustix/nix-formats";
import type { Compression, NarName } from "./nar-name.ts";
import { fileOf } from "./render-narinfo.ts";
import type { Source } from "./resolution.ts";

export type Form = "same file" | "same compression" | "transcoded";

export interface Delivery {
  readonly source: Source;
  readonly form: Form;
  /** In which the client gets it. */
  readonly compression: Compression;
  /** Bytes of the body of a whole answer; `undefined` until the upstream says it, and for what is compressed here. */
  readonly size: number | undefined;
}

/** How this source can serve this name. */
export function deliveryOf(name: NarName, facts: SignedFacts, source: Source): Delivery {
  const { compression } = name;
  if (source.compression !== compression) {
    return { source, form: "transcoded", compression, size: compression === "none" ? facts.narSize : undefined };
  }
  const { fileHash, fileSize } = fileOf(source, facts);
  const wanted = compression === "none" ? (name.fileHash ?? facts.narHash) : name.fileHash;
  const same = wanted !== undefined && fileHash !== undefined && equalBytes(wanted, fileHash);
  return { source, form: same ? "same file" : "same compression", compression, size: fileSize };
}

const RANK: Readonly<Record<Form, number>> = { "same file": 0, "same compression": 1, transcoded: 2 };

/** The best first: the very file, then the same compression, then transcoding; those that failed lately at the end. */
export function bestFirst(deliveries: readonly Delivery[], failedLately: (source: Source) => boolean): Delivery[] {
  const rank = ({ form, source }: Delivery) => RANK[form] + (failedLately(source) ? 3 : 0);
  return deliveries.toSorted((a, b) => rank(a) - rank(b));
}
