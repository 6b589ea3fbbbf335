/** The `ts` snippets of the pages: compiled together, and run one by one in the checkout's own packages. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execute, ROOT } from "../check/execute.ts";
import type { Page } from "./links.ts";

export interface Snippet {
  /** `README.md:12`. */
  readonly where: string;
  readonly code: string;
  readonly runs: boolean;
}

/** Fenced blocks that begin with `ts`; `ts no-run` is compiled only. */
export function snippetsOf({ path, text }: Page): readonly Snippet[] {
  return [...text.matchAll(/^```ts\b[ \t]*(.*)\n([\s\S]*?)^```[ \t]*$/gm)].map(
    ({ index, 1: info = "", 2: code = "" }) => ({
      where: `${path}:${text.slice(0, index).split("\n").length + 1}`,
      code,
      runs: !info.includes("no-run"),
    }),
  );
}

/** One sentence, with the program's output, for each snippet that does not compile or run. */
export async function checkSnippets(snippets: readonly Snippet[]): Promise<readonly string[]> {
  if (snippets.length === 0) return [];
  // Inside the checkout, so that `@trustix/...` resolves as it does for its readers.
  const folder = join(ROOT, ".cache", `docs-snippets-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const files = snippets.map((snippet, index) => ({ ...snippet, file: join(folder, `snippet-${index}.ts`) }));
    // `export {}` makes each a module of its own.
    for (const { file, code, where } of files) writeFileSync(file, `${code}export {}; // ${where}\n`);
    const settings = { extends: "../../tsconfig.json", include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const compiled = await execute("tsc", ["-p", folder]);
    if (compiled.code !== 0) return [withNames(compiled.output, files)];
    const runs = files
      .filter(({ runs }) => runs)
      .map(async ({ file, where }) => {
        const { code, output } = await execute(process.execPath, [file]);
        return code === 0 ? [] : [`${where}: the snippet fails:\n${output}`];
      });
    return (await Promise.all(runs)).flat();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The compiler's output with the page and line in place of our file names. */
function withNames(output: string, files: readonly { readonly where: string; readonly file: string }[]): string {
  return output.replaceAll(/\S*snippet-(\d+)\.ts/g, (name, index: string) => files[Number(index)]?.where ?? name);
}
