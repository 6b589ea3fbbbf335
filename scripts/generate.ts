/** `npm run generate`: writes every generated file anew, and names those that changed. */
import { applyChange, changesOf, GENERATORS } from "./generate/generators.ts";

for (const generator of GENERATORS) {
  const changes = await changesOf(generator);
  for (const change of changes) {
    applyChange(change);
    process.stdout.write(`${generator.name}: ${change.text === undefined ? "removed" : "wrote"} ${change.path}\n`);
  }
}
