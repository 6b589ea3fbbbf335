/**
 * Hostile files and the error that each must give. `corpus/expected.json` holds the exact messages: what a person reads.
 * A file found by fuzzing goes into the folder, its message into the list.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  checkNar,
  NixFormatError,
  parseCacheInfo,
  parseDerivation,
  parseNarInfo,
  parsePathInfos,
} from "../src/index.ts";

const FOLDER = join(import.meta.dirname, "corpus");
const READERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  "cache-info": parseCacheInfo,
  drv: parseDerivation,
  nar: (bytes) => checkNar(nodeCrypto(), bytes),
  narinfo: parseNarInfo,
  "path-info": parsePathInfos,
};
const expected = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as Record<string, string>;
const files = Object.keys(READERS).flatMap((format) =>
  readdirSync(join(FOLDER, format)).map((name) => `${format}/${name}`),
);

function refusal(file: string): Error {
  const read = READERS[file.split("/")[0]!]!;
  try {
    read(new Uint8Array(readFileSync(join(FOLDER, file))));
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${file} was accepted`);
}

test("every file has its message and every message its file", () => {
  expect(Object.keys(expected).sort()).toEqual(files.sort());
});

test.each(files)("%s is refused with its message", (file) => {
  const error = refusal(file);
  expect(error).toBeInstanceOf(NixFormatError);
  expect(error.message).toBe(expected[file]);
  expect(error.message.length).toBeLessThan(500);
});
