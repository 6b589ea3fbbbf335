/** Everything that `npm run check` looks at. No Nix, no network. */
import { layersStep } from "../layers/layers.ts";
import { docsStep } from "../docs/docs.ts";
import { generatedStep } from "../generate/generators.ts";
import { program, vitest, type Step } from "./steps.ts";

/** The longest first: the short ones fill the other cores beside it. */
export const CHECK_STEPS: readonly Step[] = [
  vitest("unit"),
  program("types", "tsc", ["-p", "."]),
  program("unused code", "knip", ["--no-config-hints", "--include", "files,dependencies,unresolved,exports"]),
  docsStep,
  generatedStep,
  program("lint", "oxlint", ["--deny-warnings", "--report-unused-disable-directives"]),
  program("format", "oxfmt", ["--check", "."]),
  layersStep,
];
