/**
 * Paths that need no vote, because their name is the address of their content: what a cache says of one is true if the
 * address gives this very path, and if the content, hashed while it streams, has that address.
 *
 *     fixed:r:sha256:...          the NAR hash is the address
 *     fixed:r:sha512:...          the NAR has that hash
 *     fixed:sha256|sha512:...     the NAR is one plain file, not executable, whose bytes have that hash
 *     text:sha256:...             the same, and the path is made of the references too
 *
 * All else is voted on as any path: of MD5 and SHA-1 two contents with one hash can be made, a git hash is rare and still an
 * experiment of Nix, and a path that refers to itself is named by another hash than that of its bytes.
 */
import { createHash } from "node:crypto";
import { equalBytes, type Crypto, type Sha256 } from "@trustix/crypto";
import {
  contentPath,
  formatNix32Hash,
  nameOf,
  NarReader,
  type ContentAddress,
  type NarEvent,
  type NarInfo,
} from "@trustix/nix-formats";
import { SourceError } from "../http/source-error.ts";

/** The address, if it is that of this path and says what its content must be. */
export function provenContent(
  crypto: Crypto,
  info: Pick<NarInfo, "ca" | "storePath" | "references" | "narHash">,
): ContentAddress | undefined {
  const { ca, storePath, references, narHash } = info;
  if (ca === undefined) return undefined;
  const { method, hash } = ca;
  if (method === "git" || (hash.algorithm !== "sha256" && hash.algorithm !== "sha512")) return undefined;
  if (contentPath(crypto, ca, references, nameOf(storePath)) !== storePath) return undefined;
  if (method === "nar" && hash.algorithm === "sha256" && !equalBytes(hash.digest, narHash)) return undefined;
  return ca;
}

/** Takes a NAR and gives its SHA-256. */
export interface NarHasher {
  /** Never throws. */
  update(chunk: Uint8Array): void;
  /** Throws `SourceError`: `mismatch`, if the NAR's content has another address. */
  digest(): Uint8Array;
}

/** For NARs of this content; of any, where `content` is `undefined`. */
export function narHasher(crypto: Crypto, content: ContentAddress | undefined): NarHasher {
  if (content === undefined) return crypto.sha256Stream();
  const { method, hash } = content;
  if (method !== "nar") return new FileHasher(crypto, content);
  if (hash.algorithm === "sha256") return crypto.sha256Stream();
  return new TwoHashes(crypto, content);
}

/** A tree by another hash of its NAR. */
class TwoHashes implements NarHasher {
  readonly #content: ContentAddress;
  readonly #sha256: Sha256;
  readonly #other;

  constructor(crypto: Crypto, content: ContentAddress) {
    this.#content = content;
    this.#sha256 = crypto.sha256Stream();
    this.#other = createHash(content.hash.algorithm);
  }

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#other.update(chunk);
  }

  digest(): Uint8Array {
    checkDigest(this.#content, this.#other.digest());
    return this.#sha256.digest();
  }
}

/** One plain file by the hash of its bytes. */
class FileHasher implements NarHasher {
  readonly #content: ContentAddress;
  readonly #reader: NarReader;
  readonly #bytes;
  #failed: Error | undefined;

  constructor(crypto: Crypto, content: ContentAddress) {
    this.#content = content;
    this.#bytes = createHash(content.hash.algorithm);
    this.#reader = new NarReader(crypto, { onEvent: (event) => this.#take(event) });
  }

  update(chunk: Uint8Array): void {
    if (this.#failed !== undefined) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#failed = error as Error;
    }
  }

  digest(): Uint8Array {
    try {
      if (this.#failed !== undefined) throw this.#failed;
      const { narHash } = this.#reader.finish();
      checkDigest(this.#content, this.#bytes.digest());
      return narHash;
    } catch (error) {
      if (error instanceof SourceError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new SourceError("mismatch", `the NAR is none of its content address: ${why}`, { cause: error });
    }
  }

  #take(event: NarEvent): void {
    if (event.type === "contents") this.#bytes.update(event.bytes);
    else if (event.type !== "regular") throw new Error(`a ${event.type} came, one plain file wanted`);
    // The address does not cover this bit, and what Nix makes by such an address never has it.
    else if (event.executable) throw new Error("an executable file came, a plain one wanted");
  }
}

function checkDigest({ hash }: ContentAddress, digest: Uint8Array): void {
  if (equalBytes(hash.digest, digest)) return;
  const came = formatNix32Hash({ ...hash, digest });
  throw new SourceError("mismatch", `its content has the hash ${came}, ${formatNix32Hash(hash)} wanted`);
}
