/** Private keys of publishers and certificates, read from the files that the configuration names. */
import { dirname, isAbsolute, resolve } from "node:path";
import { equalBytes, toBase64, type Crypto } from "@trustix/crypto";
import { parsePrivateKey, type KeyPair } from "@trustix/protocol";
import type { PublisherConfig } from "./config.ts";
import type { Findings } from "./findings.ts";
import { holdsPrivateKey, shownValue } from "./problems.ts";
import type { Files } from "../node-files.ts";
import { isRefusedByPermissions } from "../permission-hint.ts";
import { isConfigError, readBytes } from "./read-text.ts";
import type { ResolvedLogs } from "./resolve-logs.ts";
import type { ConfigFile } from "./schema.ts";

export interface KeySource {
  readonly crypto: Crypto;
  readonly files: Files;
  /** The configuration file. */
  readonly path: string;
  /** Folder the process runs in: where the existing program looks for relative paths. */
  readonly cwd: string;
  /** `false`: private keys are not touched. */
  readonly keys: boolean;
}

export async function resolvePublishers(
  source: KeySource,
  file: ConfigFile,
  logs: ResolvedLogs["publishers"],
  findings: Findings,
): Promise<PublisherConfig[]> {
  const publishers: PublisherConfig[] = [];
  const names = Object.keys(file.signers);
  for (const { info, name, operator, position, signer } of logs) {
    const path = ["publishers", position, "signer"];
    if (!Object.hasOwn(file.signers, signer)) {
      const near = findings.nearest(signer, names);
      const hint = near === undefined ? `add [signers.${signer}]` : `did you mean ${near}?`;
      findings.problem(path, `there is no [signers.${signer}]`, hint);
      continue;
    }
    const keyFile = await locateKey(source, file, signer, findings);
    if (keyFile === undefined) continue;
    const keys = source.keys ? await readSigner(source, keyFile, signer, findings) : undefined;
    if (keys !== undefined && !equalBytes(keys.publicKey, info.publicKey)) {
      findings.problem(
        path,
        `the key of signer ${shownValue(signer)} has the public key ${toBase64(keys.publicKey)}, ` +
          `but publicKey.key is ${toBase64(info.publicKey)}`,
        "a log's id comes from its public key: use the private key that belongs to it",
      );
    }
    publishers.push(
      Object.defineProperty({ info, name, operator, signer, keyFile } as PublisherConfig, "keys", {
        value: keys,
        enumerable: false,
      }),
    );
  }
  return publishers;
}

const keyOf = (signer: string): string[] => ["signers", signer, "ed25519", "private-key-path"];

async function locateKey(
  source: KeySource,
  file: ConfigFile,
  signer: string,
  findings: Findings,
): Promise<string | undefined> {
  const path = file.signers[signer]!.ed25519["private-key-path"];
  if (!holdsPrivateKey(path)) return locate(source, path, keyOf(signer), findings);
  findings.problem(keyOf(signer), "a private key came, the path of the file that holds it wanted");
  return undefined;
}

// A log is its key: a new one beside the same configuration would be refused, and with another configuration be another log.
const NO_KEY =
  "put it back from a copy: a log cannot go on without its key; `trustix generate-key` makes one for a new log";

async function readSigner(
  source: KeySource,
  path: string,
  signer: string,
  findings: Findings,
): Promise<KeyPair | undefined> {
  const key = keyOf(signer);
  const text = await readNamedFile(source, path, key, findings, NO_KEY);
  if (text === undefined) return undefined;
  const mode = await source.files.mode(path);
  if (mode !== undefined && (mode & 0o077) !== 0) {
    findings.warn(key, `${path} may be read or written by others (mode ${mode.toString(8)}): chmod 600 it`);
  }
  try {
    return parsePrivateKey(source.crypto, text);
  } catch (error) {
    findings.problem(key, `${path}: ${(error as Error).message}`, "`trustix generate-key` makes such a file");
    return undefined;
  }
}

/** PEM text of `ca-file`. */
export async function resolveCa(source: KeySource, file: ConfigFile, findings: Findings): Promise<string | undefined> {
  const name = file["ca-file"];
  if (name === undefined) return undefined;
  const path = await locate(source, name, ["ca-file"], findings);
  const pem = await readNamedFile(source, path, ["ca-file"], findings, "ca-file names a file with certificates");
  if (pem !== undefined && !pem.includes("-----BEGIN CERTIFICATE-----")) {
    findings.problem(["ca-file"], `${path}: no certificate came, PEM text wanted`);
  }
  return pem;
}

/** The path a name means: from the configuration's folder, else, as the existing program does, from the process's. */
async function locate(
  source: KeySource,
  name: string,
  key: readonly PropertyKey[],
  findings: Findings,
): Promise<string> {
  if (isAbsolute(name)) return name;
  const beside = resolve(source.cwd, dirname(source.path), name);
  const here = resolve(source.cwd, name);
  if (beside === here || (await source.files.mode(beside)) !== undefined) return beside;
  if ((await source.files.mode(here)) === undefined) return beside;
  findings.warn(key, `${name} was found in the working directory, not beside the configuration: write the whole path`);
  return here;
}

async function readNamedFile(
  source: KeySource,
  path: string,
  key: readonly PropertyKey[],
  findings: Findings,
  /** What to do about a file that is not there. */
  ifMissing: string,
): Promise<string | undefined> {
  try {
    return Buffer.from(await readBytes(source.files, path)).toString("latin1");
  } catch (error) {
    if (!isConfigError(error)) throw error;
    const hint = isRefusedByPermissions(error.cause) ? error.hint : ifMissing;
    findings.problem(key, error.message, hint);
    return undefined;
  }
}
