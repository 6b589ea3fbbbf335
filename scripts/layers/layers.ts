/** The check step "layers": the rules of imports over the whole checkout. */
import { ROOT } from "../check/execute.ts";
import type { Step } from "../check/steps.ts";
import { readRepository } from "./repository.ts";
import { layerProblems } from "./rules.ts";

export const layersStep: Step = {
  name: "layers",
  run: () => {
    const problems = layerProblems(readRepository(ROOT));
    const lines = problems.map(({ path, line, message }) => `${path}:${line}: ${message}\n`);
    return Promise.resolve({ ok: problems.length === 0, output: lines.join("") });
  },
};
