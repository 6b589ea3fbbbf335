/** Paths, claims and answers for audits. */
import { utf8 } from "@trustix/crypto";
import { parseStorePath, storePathOfBaseName, type StorePath, type ValidPathInfo } from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { encodeNixValue, type LogId, type Vote, type VoteOutcome } from "@trustix/protocol";
import type { AuditVoter, PathVerdict } from "../../src/audit/model.ts";

export const crypto = nodeCrypto();
export const PATH = parseStorePath("/nix/store/jhljligxal6sqbs1rh1h7gpzas9xhxy9-rocket-1.0");

export const VOTERS: readonly AuditVoter[] = [
  { id: "11".repeat(32), name: "mercury", operator: "acme" },
  { id: "22".repeat(32), name: "venus", operator: "acme" },
  { id: "33".repeat(32), name: "mars", operator: undefined },
  { id: "44".repeat(32), name: "saturn", operator: undefined },
];

export function infoOf(more: Partial<ValidPathInfo> = {}): ValidPathInfo {
  return {
    valid: true,
    storePath: PATH,
    narHash: new Uint8Array(32).fill(1),
    narSize: 120,
    references: [],
    deriver: undefined,
    ca: undefined,
    signatures: [],
    ultimate: false,
    registrationTime: undefined,
    ...more,
  };
}

/** `same`: what is installed; a number: a NAR hash of these bytes; otherwise what it says instead of claiming. */
export type Says =
  | "same"
  | number
  | Exclude<VoteOutcome, "claims">
  | "unknown value"
  | "other references"
  | "other size"
  | "another path";

const REFERENCE = storePathOfBaseName(`${"0".repeat(32)}-glibc`);

/** What the node answers when these voters, in their order, say this. `decided`: one of them. */
export function verdictOf(
  info: ValidPathInfo,
  says: readonly Says[],
  decided?: Says,
  reason = "so it is",
): PathVerdict {
  const values = new Map<string, Uint8Array>();
  const digestOf = (said: Says): Uint8Array | undefined => {
    if (said === "unknown value") return new Uint8Array(32).fill(0xcc);
    if (typeof said === "string" && !["same", "other references", "other size", "another path"].includes(said))
      return undefined;
    const hash = typeof said === "number" ? new Uint8Array(32).fill(said) : info.narHash;
    const value = encodeNixValue({
      path: said === "another path" ? REFERENCE : info.storePath,
      narHash: `sha256-${Buffer.from(hash).toString("base64")}`,
      narSize: said === "other size" ? 666 : info.narSize,
      references: said === "other references" ? [...info.references, REFERENCE] : info.references,
    });
    const digest = crypto.sha256(value);
    values.set(Buffer.from(digest).toString("hex"), value);
    return digest;
  };
  const votes = says.map((said, i): Vote => {
    const digest = digestOf(said);
    const outcome = digest === undefined ? (said as VoteOutcome) : "claims";
    return { logId: VOTERS[i]!.id as LogId, outcome, digest, reason: outcome === "unreachable" ? "no answer" : "" };
  });
  const digest = decided === undefined ? undefined : digestOf(decided);
  return { decided: digest && { digest, confidence: 75 }, reason, votes, values };
}

/** As `nix path-info --json` prints it. */
export function pathInfoJson(infos: readonly ValidPathInfo[]): Uint8Array {
  const array = infos.map(({ storePath, narHash, narSize, references, ultimate }) => ({
    path: storePath,
    narHash: `sha256-${Buffer.from(narHash).toString("base64")}`,
    narSize,
    references,
    ...(ultimate && { ultimate: true }),
  }));
  return utf8(JSON.stringify(array));
}

/** The `n`-th of many paths. */
export function nthInfo(n: number): ValidPathInfo {
  const storePath: StorePath = storePathOfBaseName(`${n.toString().padStart(32, "0")}-package-${n}`);
  return infoOf({ storePath });
}
