/**
 * Everything in the tree that a program writes. A generator returns its files as text; `npm run generate` writes them,
 * the check step "generated files" compares them with what is there.
 */
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../check/execute.ts";
import type { Step } from "../check/steps.ts";
import { architecture } from "./architecture.ts";
import { currentText } from "./generated-text.ts";
import { commandsPage } from "./commands-page.ts";
import { configurationPage } from "./configuration-page.ts";
import { lockFile } from "./lock-file.ts";
import { protoCode } from "./proto-code.ts";

export interface Generator {
  readonly name: string;
  /** Path relative to the checkout, and the whole text. */
  files(): Promise<ReadonlyMap<string, string>>;
  /** Folders that hold nothing but generated files: what is there and was not generated is stale. */
  readonly folders?: readonly string[];
}

export const GENERATORS: readonly Generator[] = [lockFile, protoCode, architecture, configurationPage, commandsPage];

export const generatedStep: Step = {
  name: "generated files",
  run: async () => {
    const stale = (await Promise.all(GENERATORS.map(changesOf))).flat();
    const output = stale.map(({ path }) => `${path} is not what its generator writes: npm run generate\n`).join("");
    return { ok: stale.length === 0, output };
  },
};

interface Change {
  readonly path: string;
  /** `undefined`: the file must go. */
  readonly text: string | undefined;
}

/** What running the generator would change in the tree. */
export async function changesOf(generator: Generator): Promise<readonly Change[]> {
  const wanted = await generator.files();
  const there = (generator.folders ?? []).flatMap((folder) => globSync(`${folder}/**/*.*`, { cwd: ROOT }));
  const stale = there.filter((path) => !wanted.has(path)).map((path) => ({ path, text: undefined }));
  const different = [...wanted].filter(([path, text]) => currentText(path) !== text);
  return [...different.map(([path, text]) => ({ path, text })), ...stale];
}

export function applyChange({ path, text }: Change): void {
  const file = join(ROOT, path);
  if (text === undefined) {
    if (existsSync(file)) rmSync(file);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
