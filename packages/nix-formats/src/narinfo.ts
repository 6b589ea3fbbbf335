/**
 * narinfo files: the facts of one store path and where its NAR lies. Lines `Key: value`, each ended by one newline.
 *
 *     StorePath: /nix/store/14zmd4y3f3glkd6dd2jy6vhxp9fchzkb-hello
 *     URL: nar/0fi9086lgpm7risfq179888clp99qdx4akvdmnlhz5gkf6q2ygy7.nar.xz
 *     Compression: xz
 *     FileHash: sha256:0fi9086lgpm7risfq179888clp99qdx4akvdmnlhz5gkf6q2ygy7
 *     FileSize: 128
 *     NarHash: sha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa
 *     NarSize: 120
 *     References:
 *     Deriver: r4n0whv12vbfc7dfp22nr6pvhiqhgvma-hello.drv
 *     Sig: cache-1:ybIYVemKWuJmm4tjLfAuOwSH415Rs5IFafamVp7a1IjHn/CK0b7wSX1+zDof8BavD2YKmsneJe+0ZOuVDBaMAQ==
 *
 * (`References:` is always followed by a space, also when there are none: clients refuse the line without it.)
 * Reading refuses what a Nix client refuses, and besides: known fields that come twice, characters outside visible ASCII
 * in known fields, URLs that leave the cache by `..`. Unknown fields are skipped. Printing is byte for byte what Nix writes.
 */
import { formatContentAddress, parseContentAddress, type ContentAddress } from "./content-address.ts";
import { NixFormatError, readingAt, shown } from "./error.ts";
import { formatNix32Hash, parseHash, parseSha256, sha256Hash, type NixHash } from "./hash.ts";
import { checkNarUrl } from "./nar-url.ts";
import { formatCacheSignature, parseCacheSignature, type CacheSignature, type SignedFacts } from "./signature.ts";
import { baseNameOf, parseStorePath, sortedPaths, storePathOfBaseName, type StorePath } from "./store-path.ts";

export interface NarInfo extends SignedFacts {
  /** Relative to the cache, or absolute `http(s)`; may have a query. Checked, never resolved, here. */
  readonly url: string;
  /** `xz`, `zstd`, `none`, ... : a word; an absent or empty line means `bzip2`. */
  readonly compression: string;
  readonly fileHash: NixHash | undefined;
  /** Bytes; `undefined` also for the 0 that some caches write. */
  readonly fileSize: number | undefined;
  /** Sorted, each once. */
  readonly references: readonly StorePath[];
  readonly deriver: StorePath | undefined;
  readonly signatures: readonly CacheSignature[];
  readonly ca: ContentAddress | undefined;
}

/** A path with 10 000 references takes about 700 kB. */
export const MAX_NARINFO_BYTES = 1 << 20;
const MAX_SIGNATURES = 64;

const FIELDS = [
  "StorePath",
  "URL",
  "Compression",
  "FileHash",
  "FileSize",
  "NarHash",
  "NarSize",
  "References",
  "Deriver",
  "Sig",
  "CA",
] as const;
type Field = (typeof FIELDS)[number];
const KNOWN = new Set<string>(FIELDS);

interface Line {
  readonly value: string;
  readonly number: number;
}

/** Throws `NixFormatError` naming line and field. Work and memory are linear in the length of `bytes`, which is bounded. */
export function parseNarInfo(bytes: Uint8Array): NarInfo {
  if (bytes.length > MAX_NARINFO_BYTES) {
    throw new NixFormatError("narinfo", "", `${bytes.length} bytes came, at most ${MAX_NARINFO_BYTES} wanted`);
  }
  const { single, sigs } = linesOf(decoded(bytes));
  const at = <T>(field: Field, line: Line, read: (value: string) => T): T =>
    readingAt("narinfo", `line ${line.number} (${field})`, () => read(line.value));
  const optional = <T>(field: Field, read: (value: string) => T): T | undefined => {
    const line = single.get(field);
    return line === undefined ? undefined : at(field, line, read);
  };
  const required = <T>(field: Field, read: (value: string) => T): T => {
    const line = single.get(field);
    if (line === undefined) throw new NixFormatError("narinfo", field, "the field is missing");
    return at(field, line, read);
  };
  return {
    storePath: required("StorePath", parseStorePath),
    url: required("URL", checkNarUrl),
    compression: optional("Compression", parseCompression) ?? "bzip2",
    fileHash: optional("FileHash", parseHash),
    fileSize: optional("FileSize", (value) => parseSize(value) || undefined),
    narHash: required("NarHash", parseSha256),
    narSize: required("NarSize", parsePositiveSize),
    references: optional("References", parseReferences) ?? [],
    deriver: optional("Deriver", parseDeriver),
    signatures: sigs.map((line) => at("Sig", line, parseCacheSignature)),
    ca: optional("CA", (value) => (value === "" ? undefined : parseContentAddress(value))),
  };
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new NixFormatError("narinfo", "", "not UTF-8");
  }
}

function linesOf(text: string): { single: Map<Field, Line>; sigs: Line[] } {
  const single = new Map<Field, Line>();
  const sigs: Line[] = [];
  let start = 0;
  for (let number = 1; start < text.length; number++) {
    const end = text.indexOf("\n", start);
    const bad = (why: string) => new NixFormatError("narinfo", `line ${number}`, why);
    if (end < 0) throw bad("the last line does not end in a newline");
    const line = text.slice(start, end);
    start = end + 1;
    if (line === "") continue;
    const colon = line.indexOf(":");
    if (colon <= 0) throw bad(`${shown(line)} came, "Field: value" wanted`);
    const name = line.slice(0, colon);
    if (line.endsWith("\r")) throw bad(`the line of ${shown(name)} ends in a carriage return`);
    if (!KNOWN.has(name)) continue;
    const field = name as Field;
    if (line[colon + 1] !== " ")
      throw new NixFormatError("narinfo", `line ${number} (${field})`, "no space after the colon");
    const value = line.slice(colon + 2);
    if (!/^[ -~]*$/.test(value)) {
      throw new NixFormatError("narinfo", `line ${number} (${field})`, "characters other than visible ASCII");
    }
    if (field === "Sig") {
      if (sigs.length === MAX_SIGNATURES)
        throw new NixFormatError("narinfo", `line ${number} (Sig)`, `more than ${MAX_SIGNATURES} signatures`);
      sigs.push({ value, number });
    } else {
      const first = single.get(field);
      if (first)
        throw new NixFormatError("narinfo", `line ${number} (${field})`, `comes twice, first in line ${first.number}`);
      single.set(field, { value, number });
    }
  }
  return { single, sigs };
}

function parseCompression(value: string): string {
  if (value === "") return "bzip2";
  if (!/^[a-z0-9]{1,16}$/.test(value))
    throw new NixFormatError("compression", "", `${shown(value)} came, a word wanted`);
  return value;
}

function parseSize(value: string): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) {
    throw new NixFormatError("size", "", `${shown(value)} came, a number up to ${Number.MAX_SAFE_INTEGER} wanted`);
  }
  return size;
}

function parsePositiveSize(value: string): number {
  const size = parseSize(value);
  if (size === 0) throw new NixFormatError("size", "", "0 came, a positive number wanted");
  return size;
}

function parseReferences(value: string): StorePath[] {
  if (value === "") return [];
  return sortedPaths(value.split(" ").map((base) => storePathOfBaseName(base)));
}

function parseDeriver(value: string): StorePath | undefined {
  return value === "" || value === "unknown-deriver" ? undefined : storePathOfBaseName(value);
}

/** The bytes as text, in Nix's order of fields. */
export function printNarInfo(info: NarInfo): string {
  const lines: [Field, string | undefined][] = [
    ["StorePath", info.storePath],
    ["URL", info.url],
    ["Compression", info.compression],
    ["FileHash", info.fileHash && formatNix32Hash(info.fileHash)],
    ["FileSize", info.fileSize === undefined ? undefined : String(info.fileSize)],
    ["NarHash", formatNix32Hash(sha256Hash(info.narHash))],
    ["NarSize", String(info.narSize)],
    ["References", sortedPaths(info.references).map(baseNameOf).join(" ")],
    ["Deriver", info.deriver && baseNameOf(info.deriver)],
    ...info.signatures.map((signature): [Field, string] => ["Sig", formatCacheSignature(signature)]),
    ["CA", info.ca && formatContentAddress(info.ca)],
  ];
  let text = "";
  for (const [field, value] of lines) if (value !== undefined) text += `${field}: ${value}\n`;
  return text;
}
