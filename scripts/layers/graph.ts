/** The packages as ARCHITECTURE.md shows them: a table by layer, and the graph of what they really import. */
import { reachOf } from "./imports-of.ts";
import { DEV_ONLY, type Package, type Repository } from "./repository.ts";

const LAYERS: Readonly<Record<number, string>> = {
  0: "pure",
  1: "contracts",
  2: "capabilities",
  3: "services",
  4: "faces",
  [DEV_ONLY]: "dev only",
};

/** A Markdown table of the packages, lowest layer first. */
export function layerTable({ packages }: Repository): string {
  const rows = byLayer(packages).flatMap(([layer, members]) =>
    members.map(
      ({ folder, description }) => `| ${title(layer)} | [\`${shortName(folder)}\`](${folder}) | ${description} |`,
    ),
  );
  return ["| layer | package | what |", "|---|---|---|", ...rows].join("\n");
}

/** A Mermaid graph: an arrow for every import from one package's source to another package. */
export function importGraph(repository: Repository): string {
  const groups = byLayer(repository.packages).map(([layer, members]) =>
    [
      `  subgraph L${layer}["${title(layer)}"]`,
      ...members.map(({ folder }) => `    ${shortName(folder)}`),
      "  end",
    ].join("\n"),
  );
  const arrows = importedPackages(repository).map(([from, to]) => `  ${shortName(from)} --> ${shortName(to)}`);
  return ["```mermaid", "graph TD", ...groups.toReversed(), ...arrows, "```"].join("\n");
}

function title(layer: number): string {
  return layer === DEV_ONLY ? "dev only" : `${layer} ${LAYERS[layer] ?? ""}`.trim();
}

function shortName(folder: string): string {
  return folder.slice(folder.lastIndexOf("/") + 1);
}

function byLayer(packages: readonly Package[]): readonly [layer: number, members: readonly Package[]][] {
  const groups = Map.groupBy(packages, ({ layer }) => layer);
  return [...groups].toSorted(([a], [b]) => a - b);
}

/** Pairs of folders, each once, sorted. */
function importedPackages({ packages, files }: Repository): readonly (readonly [from: string, to: string])[] {
  const pairs = files.flatMap((file) => {
    const from = packages.find(({ folder }) => file.path.startsWith(`${folder}/src/`));
    if (from === undefined) return [];
    return reachOf(file.path, file.text).imports.flatMap(({ to }) => {
      const target = packages.find(({ name }) => to === name || to.startsWith(`${name}/`));
      return target === undefined || target === from ? [] : [`${from.folder} ${target.folder}`];
    });
  });
  return [...new Set(pairs)].toSorted().map((pair) => pair.split(" ") as [string, string]);
}
