/** The table of packages and the graph of their imports in ARCHITECTURE.md. */
import { ROOT } from "../check/execute.ts";
import { importGraph, layerTable } from "../layers/graph.ts";
import { readRepository } from "../layers/repository.ts";
import type { Generator } from "./generators.ts";
import { between, currentText } from "./generated-text.ts";

const PATH = "ARCHITECTURE.md";

export const architecture: Generator = {
  name: "import graph",
  files: async () => {
    const repository = readRepository(ROOT);
    const withTable = between(currentText(PATH) ?? "", "packages", layerTable(repository));
    return new Map([[PATH, between(withTable, "imports", importGraph(repository))]]);
  },
};
