/**
 * The NAR's own URL at this proxy: `nar/<hash part>-<NAR hash>[-<file hash>].nar[.xz|.zst|.bz2|.br|.gz]`. It carries all
 * that is needed to serve the NAR, also after a restart, and nothing of where the NAR comes from.
 */
import { fromNix32, isHashPart, NixFormatError, toNix32 } from "@trustix/nix-formats";

/** The forms in which NARs are passed through. */
export const COMPRESSIONS = ["none", "xz", "zstd", "bzip2", "br", "gzip"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

const SUFFIXES: Readonly<Record<Compression, string>> = {
  none: "",
  xz: ".xz",
  zstd: ".zst",
  bzip2: ".bz2",
  br: ".br",
  gzip: ".gz",
};

export interface NarName {
  /** 32 nix32 characters. */
  readonly hashPart: string;
  /** 32 bytes. */
  readonly narHash: Uint8Array;
  /** SHA-256 of the file as it is transferred, where the upstream says it; a range is of this very file. */
  readonly fileHash: Uint8Array | undefined;
  readonly compression: Compression;
}

/** The compression with this name in a narinfo; `undefined` for one that is not passed through. */
export function compressionOf(name: string): Compression | undefined {
  return COMPRESSIONS.find((known) => known === name);
}

export function formatNarName(name: NarName): string {
  const file = name.fileHash === undefined ? "" : `-${toNix32(name.fileHash)}`;
  return `nar/${name.hashPart}-${toNix32(name.narHash)}${file}.nar${SUFFIXES[name.compression]}`;
}

const NAME = /^([0-9a-z]{32})-([0-9a-z]{52})(?:-([0-9a-z]{52}))?\.nar(\.[a-z0-9]{2,3})?$/;

/** Reads what follows `nar/`. `undefined` for anything else. */
export function parseNarName(text: string): NarName | undefined {
  const match = NAME.exec(text);
  if (match === null || !isHashPart(match[1]!)) return undefined;
  const compression = COMPRESSIONS.find((known) => SUFFIXES[known] === (match[4] ?? ""));
  if (compression === undefined) return undefined;
  try {
    const narHash = fromNix32(match[2]!, 32);
    const fileHash = match[3] === undefined ? undefined : fromNix32(match[3], 32);
    return { hashPart: match[1]!, narHash, fileHash, compression };
  } catch (error) {
    if (error instanceof NixFormatError) return undefined;
    throw error;
  }
}
