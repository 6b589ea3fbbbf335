/**
 * `vectors/evidence.json`: files of evidence for other programs to judge, each with the accused key and the outcome.
 * Made here from logs that lie; `npx vitest -u` writes it anew.
 */
import { join } from "node:path";
import { toBase64, utf8, utf8Text } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { FakeLog, evidenceExamples, narInfo } from "@trustix/testkit";
import { expect, test } from "vitest";
import { checkEvidence, readEvidence, writeEvidence } from "../src/index.ts";
import type { Evidence } from "../src/index.ts";

const crypto = nodeCrypto();
const { publicKey } = new FakeLog(crypto, "saturn").info;

interface Vector {
  readonly description: string;
  /** Base64. */
  readonly publicKey: string;
  /** What is in the file. */
  readonly file: string;
  /** SHA-256 of the file, hex. */
  readonly id: string;
  /** `null`: it convicts the key; otherwise why it does not. */
  readonly refused: string | null;
}

function vector(description: string, file: Uint8Array, accused = publicKey): Vector {
  const id = Buffer.from(crypto.sha256(file)).toString("hex");
  return { description, publicKey: toBase64(accused), file: utf8Text(file), id, refused: refusalOf(file, accused) };
}

function refusalOf(file: Uint8Array, accused: Uint8Array): string | null {
  try {
    checkEvidence(crypto, readEvidence(file), accused);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

test("the published vectors are judged as they say", async () => {
  const examples = evidenceExamples(crypto, "saturn");
  const [first] = examples;
  const file = writeEvidence(first!.evidence);
  const twice = examples.find(({ evidence }) => evidence.kind === "key_twice")!.evidence as Evidence & {
    kind: "key_twice";
  };
  const one = narInfo(crypto, "saturn", "one");
  const vectors = [
    ...examples.map(({ what, evidence }) => vector(what, writeEvidence(evidence))),
    vector("convicts, but not this key", file, new FakeLog(crypto, "venus").info.publicKey),
    vector("another spelling: a space", utf8(utf8Text(file).replace(",", ", "))),
    vector("another format", utf8(utf8Text(file).replace("evidence/1", "evidence/2"))),
    vector("entries in the wrong order", writeEvidence({ ...twice, entries: [twice.entries[1], twice.entries[0]] })),
    vector(
      "two answers of a cache with the same facts",
      writeEvidence({ publicKey, kind: "cache_key_signed_two", narInfos: [one, one] }),
    ),
    vector(
      "two answers of a cache, one of them signed by another key",
      writeEvidence({
        publicKey,
        kind: "cache_key_signed_two",
        narInfos: [one, narInfo(crypto, "venus", "other")],
      }),
    ),
  ];
  expect(vectors.filter(({ refused }) => refused === null)).toHaveLength(examples.length);
  await expect(`${JSON.stringify(vectors, null, 1)}\n`).toMatchFileSnapshot(
    join(import.meta.dirname, "vectors/evidence.json"),
  );
});
