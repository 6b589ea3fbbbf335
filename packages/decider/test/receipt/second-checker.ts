/**
 * A second checker of receipts, written from docs/spec/receipt.md with nothing but node:crypto: what the first one says must
 * be what somebody else would find. It knows `quorum` over all voters without groups, which is enough to compare.
 */
import { createHash, createPublicKey, verify } from "node:crypto";

export interface SecondOpinion {
  readonly node: string;
  /** Hex of the digest that the policy decides on, or `undefined`. */
  readonly decided: string | undefined;
}

export interface SecondSide {
  readonly node: Buffer;
  readonly threshold: number;
  /** Raw keys by voter id. */
  readonly logs: ReadonlyMap<string, Buffer>;
  readonly caches: ReadonlyMap<string, Buffer>;
}

interface Proof {
  head?: string;
  entry?: string;
  mapProof?: { sideNodes: string[]; bitMask: string; numSideNodes: number; nonMembershipLeafData?: string };
  logProof?: string[];
  narInfo?: string;
}

const sha = (...parts: Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const bin = (text: string): Buffer => Buffer.from(text, "base64");
const ZERO = Buffer.alloc(32);

function signedBy(key: Buffer, data: Buffer, signature: Buffer): boolean {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]);
  return verify(null, data, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
}

/** Throws for a receipt that does not hold. */
export function checkAgain(file: Buffer, own: SecondSide): SecondOpinion {
  const [statement, seal, rest] = file.toString("utf8").split("\n") as [string, string, string];
  const { node, signature } = JSON.parse(seal) as { node: string; signature: string };
  if (rest !== "" || seal !== JSON.stringify({ node, signature })) throw new Error("the seal has another form");
  if (!bin(node).equals(own.node)) throw new Error("another node");
  const signed = Buffer.from(`trustix-receipt/1\n${statement}`);
  if (!signedBy(own.node, signed, bin(signature))) throw new Error("bad signature");
  const receipt = JSON.parse(statement) as {
    key: string;
    votes: { voter: string; outcome: string; digest?: string; proof?: Proof }[];
    values: string[];
    verdict: { decided: boolean; digest?: string };
  };
  const key = bin(receipt.key);
  const opinions = new Map(receipt.values.map((value) => [sha(bin(value)).toString("hex"), canonical(bin(value))]));
  const counts = new Map<string, number>();
  for (const { voter, outcome, digest, proof } of receipt.votes) {
    if (outcome !== "claims" && proof === undefined) continue;
    const claimed = digest === undefined ? undefined : bin(digest);
    if (own.logs.has(voter)) checkLog(own.logs.get(voter)!, key, claimed, proof!);
    else if (own.caches.has(voter)) checkCache(own.caches.get(voter)!, key, claimed!, proof!);
    else throw new Error(`nobody knows ${voter}`);
    if (claimed === undefined) continue;
    const opinion = opinions.get(claimed.toString("hex")) ?? claimed.toString("hex");
    counts.set(opinion, (counts.get(opinion) ?? 0) + 1);
  }
  const enough = [...counts].filter(([, count]) => count >= own.threshold).map(([opinion]) => opinion);
  const known = new Set(opinions.values());
  const decided = enough.length === 1 && known.has(enough[0]!) ? enough[0] : undefined;
  const said = receipt.verdict.decided ? bin(receipt.verdict.digest!).toString("hex") : undefined;
  if (said !== decided) throw new Error(`it says ${said}, the votes say ${decided}`);
  return { node, decided };
}

/** The digest of the canonical Nix value with the same facts. */
function canonical(value: Buffer): string {
  const { path, narHash, narSize, references } = JSON.parse(value.toString("utf8")) as {
    path: string;
    narHash: string;
    narSize: number;
    references: string[] | null;
  };
  const sorted = [...new Set(references ?? [])].sort();
  const text = JSON.stringify({ path, narHash, narSize, references: sorted });
  return sha(Buffer.from(text)).toString("hex");
}

/** Fields of a protobuf message: numbers (varints) and bytes. */
function fields(message: Buffer): Map<number, Buffer | bigint> {
  const found = new Map<number, Buffer | bigint>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const value = varint();
    if ((tag & 7) === 0) found.set(tag >> 3, value);
    else found.set(tag >> 3, message.subarray(at, (at += Number(value))));
  }
  return found;
}

function checkLog(publicKey: Buffer, key: Buffer, digest: Buffer | undefined, proof: Proof): void {
  const head = fields(bin(proof.head!));
  const [logRoot, mapRoot, mhRoot, signature] = [1, 3, 4, 6].map((n) => head.get(n) as Buffer) as Buffer[];
  const [treeSize, mhSize] = [head.get(2) as bigint, head.get(5) as bigint];
  const [a, b] = [Buffer.alloc(8), Buffer.alloc(8)];
  a.writeBigUInt64LE(treeSize);
  b.writeBigUInt64LE(mhSize);
  if (!signedBy(publicKey, sha(logRoot!, a, mapRoot!, mhRoot!, b), signature!)) throw new Error("head not signed");
  const path = sha(key);
  const entry = proof.entry === undefined ? undefined : bin(proof.entry);
  if (!mapRootOf(path, entry && sha(entry), proof.mapProof!).equals(mapRoot!)) throw new Error("map proof");
  if (entry === undefined) {
    if (digest !== undefined) throw new Error("a claim without an entry");
    return;
  }
  const { Digest, Index } = JSON.parse(entry.toString("utf8")) as { Digest: string; Index: number };
  if (!digest?.equals(bin(Digest))) throw new Error("another digest");
  const leaf = sha(Buffer.from([0]), key, Buffer.from(":"), digest);
  const root = rootFrom(Index, Number(treeSize), leaf, proof.logProof!.map(bin));
  if (!root.equals(logRoot!)) throw new Error("not in the log");
}

/** `valueHash` undefined: the root of a map without the path. */
function mapRootOf(path: Buffer, valueHash: Buffer | undefined, proof: NonNullable<Proof["mapProof"]>): Buffer {
  const mask = bin(proof.bitMask);
  const sides = proof.sideNodes.map(bin);
  const beside = proof.nonMembershipLeafData === undefined ? undefined : bin(proof.nonMembershipLeafData);
  if (beside?.subarray(1, 33).equals(path)) throw new Error("the path itself");
  const leaf = (p: Buffer, v: Buffer): Buffer => sha(Buffer.from([0]), p, v);
  let node = valueHash ? leaf(path, valueHash) : beside ? leaf(beside.subarray(1, 33), beside.subarray(33)) : ZERO;
  for (let i = 0, next = 0; i < proof.numSideNodes; i++) {
    const side = (mask[i >> 3]! >> (7 - (i & 7))) & 1 ? ZERO : sides[next++]!;
    const depth = proof.numSideNodes - 1 - i;
    const bit = (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
    node = bit === 1 ? sha(Buffer.from([1]), side, node) : sha(Buffer.from([1]), node, side);
  }
  return node;
}

/** RFC 6962, section 2.1.1, from the leaf upwards. */
function rootFrom(index: number, size: number, leaf: Buffer, path: Buffer[]): Buffer {
  let [fn, sn, node] = [index, size - 1, leaf];
  for (const side of path) {
    if (sn === 0) throw new Error("too long");
    if (fn % 2 === 1 || fn === sn) {
      node = sha(Buffer.from([1]), side, node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else node = sha(Buffer.from([1]), node, side);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  if (sn !== 0) throw new Error("too short");
  return node;
}

function checkCache(publicKey: Buffer, key: Buffer, digest: Buffer, proof: Proof): void {
  const lines = bin(proof.narInfo!)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  const values = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  const [path, hash, size] = ["StorePath", "NarHash", "NarSize"].map((name) => values(name)[0]!) as string[];
  const references = (values("References")[0] ?? "").split(" ").filter((name) => name !== "");
  const full = references.map((name) => `/nix/store/${name}`).sort();
  const signed = Buffer.from(`1;${path};${hash};${size};${full.join(",")}`);
  if (!values("Sig").some((line) => signedBy(publicKey, signed, bin(line.split(":")[1]!))))
    throw new Error("not signed");
  const narHash = `sha256-${fromNix32(hash!.slice("sha256:".length)).toString("base64")}`;
  const value = JSON.stringify({ path, narHash, narSize: Number(size), references: full });
  if (path !== key.toString("utf8") || !sha(Buffer.from(value)).equals(digest)) throw new Error("other facts");
}

function fromNix32(text: string): Buffer {
  const out = Buffer.alloc(32);
  for (let n = 0; n < text.length; n++) {
    const digit = "0123456789abcdfghijklmnpqrsvwxyz".indexOf(text[text.length - 1 - n]!);
    const [byte, bit] = [(n * 5) >> 3, (n * 5) & 7];
    out[byte]! |= (digit << bit) & 255;
    if (byte < 31) out[byte + 1]! |= digit >> (8 - bit);
  }
  return out;
}
