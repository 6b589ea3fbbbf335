/** The licences of the packages inside the bundle: theirs ask that the text goes along. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One block a package, sorted by name. Throws on a package that states no licence at all. */
export function licencesOf(moduleIds: readonly string[]): string {
  const folders = new Set(
    moduleIds.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ""))?.[0] ?? []),
  );
  return [...folders].map(licenceOf).toSorted().join("\n");
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = globSync("{LICENSE,LICENCE,license,licence,COPYING}*", { cwd: folder }).toSorted();
  const text = files.map((file) => readFileSync(join(folder, file), "utf8").trimEnd()).join("\n\n");
  if (text === "" && typeof license !== "string") throw new Error(`${name} ${version} states no licence`);
  return `==== ${name} ${version} (${license ?? "see below"}) ====\n\n${text}\n`;
}
