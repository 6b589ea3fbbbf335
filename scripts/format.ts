/** `npm run format`: formats everything in place, and applies the lint fixes that cannot change behaviour. */
import { execute } from "./check/execute.ts";

const format = await execute("oxfmt", ["."]);
const lint = await execute("oxlint", ["--fix"]);
process.stdout.write(format.output + lint.output);
process.exitCode = format.code === 0 && lint.code === 0 ? 0 : 1;
