/**
 * Corpus folders: `FORMAT/NAME` is a file for the parser of that format, `expected.json` beside the formats says what
 * becomes of each: the exact message of its refusal, what a person reads, or `null` where it must be read. A file that
 * fuzzing finds goes into the folder, its outcome into the list.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CorpusFile {
  /** `FORMAT/NAME`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The message of the refusal, `null` if it is read, `undefined` if the list does not name the file. */
  readonly refusal: string | null | undefined;
}

/** The files of one format, by name. */
export function corpusFiles(folder: string, format: string): CorpusFile[] {
  const outcomes = outcomesIn(folder);
  return readdirSync(join(folder, format))
    .toSorted()
    .map((file) => {
      const name = `${format}/${file}`;
      return { name, bytes: new Uint8Array(readFileSync(join(folder, name))), refusal: outcomes[name] };
    });
}

/** Names in the list for which there is no file, and formats in the folder that are not among `formats`. */
export function strayNames(folder: string, formats: readonly string[]): string[] {
  const files = new Set(formats.flatMap((format) => corpusFiles(folder, format).map(({ name }) => name)));
  const folders = readdirSync(folder).filter((name) => name !== "expected.json" && !formats.includes(name));
  return [...Object.keys(outcomesIn(folder)).filter((name) => !files.has(name)), ...folders];
}

function outcomesIn(folder: string): Readonly<Record<string, string | null>> {
  return JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, string | null>;
}
