/**
 * The check step "docs": every relative link of every Markdown file leads to a file (and heading) that exists, and every
 * `ts` snippet compiles and runs. A snippet marked `ts no-run` is only compiled.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../check/execute.ts";
import type { Step } from "../check/steps.ts";
import { brokenLinks } from "./links.ts";
import { checkSnippets, snippetsOf } from "./snippets.ts";

export const docsStep: Step = {
  name: "docs",
  run: async () => {
    const pages = markdownFiles().map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
    const links = pages.flatMap((page) => brokenLinks(page, readTarget));
    const snippets = await checkSnippets(pages.flatMap(snippetsOf));
    const problems = [...links, ...snippets];
    return { ok: problems.length === 0, output: problems.map((problem) => `${problem}\n`).join("") };
  },
};

/** Tracked or about to be: what git would not ignore. */
function markdownFiles(): readonly string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.md"];
  const paths = execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).split("\0");
  return paths.filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

/** The text of a page, `""` for any other file or a folder, `undefined` when there is nothing. */
function readTarget(path: string): string | undefined {
  const file = join(ROOT, path);
  if (!existsSync(file)) return undefined;
  return statSync(file).isFile() && path.endsWith(".md") ? readFileSync(file, "utf8") : "";
}
