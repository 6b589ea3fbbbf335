/** Files of evidence from anywhere, bounded before they are read, and the keys that they may accuse. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { MAX_EVIDENCE_BYTES, checkEvidence, readEvidence, type Evidence } from "@trustix/client";
import { nodeCrypto } from "@trustix/node-crypto";
import { parsePublicCacheKey } from "@trustix/nix-formats";
import { parsePublicKey } from "@trustix/protocol";
import { CliError, EXIT, usageError } from "./cli-error.ts";

/** What the file holds, at most one byte more than evidence can have. Throws `CliError` (exit 1). */
export async function readEvidenceFile(cwd: string, path: string): Promise<Uint8Array> {
  try {
    const file = await open(resolve(cwd, path), "r");
    try {
      const bytes = new Uint8Array(MAX_EVIDENCE_BYTES + 1);
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.slice(0, length);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CliError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** The evidence in a file, if it convicts `accused`, or, without one, the key that it names. Throws `CliError` (exit 3). */
export function convicting(path: string, file: Uint8Array, accused?: Uint8Array): Evidence {
  try {
    const evidence = readEvidence(file);
    checkEvidence(nodeCrypto(), evidence, accused ?? evidence.publicKey);
    return evidence;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
    throw new CliError(`${path}: ${error.message}`, { exit: EXIT.refused, cause: error });
  }
}

/** A log's key in base64, or a cache's as `name:base64`. Throws `CliError` (exit 2). */
export function accusedKey(text: string): Uint8Array {
  try {
    return text.includes(":") ? parsePublicCacheKey(text).publicKey : parsePublicKey(text);
  } catch (error) {
    throw usageError(`--public-key: ${(error as Error).message}`, "a log's key in base64, or a cache's as name:base64");
  }
}
