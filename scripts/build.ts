/** `npm run build [-- --pack]`: bundles the commands into packages/cli/dist; `--pack` also makes dist/trustix-VERSION.tgz. */
import { relative } from "node:path";
import { bundle } from "./build/bundle.ts";
import { pack } from "./build/pack.ts";
import { ROOT } from "./check/execute.ts";

const args = process.argv.slice(2);
const unknown = args.filter((argument) => argument !== "--pack");
if (unknown.length > 0) {
  process.stderr.write(
    `trustix: error: unknown argument ${unknown.join(" ")}\ntrustix: hint: npm run build [-- --pack]\n`,
  );
  process.exit(2);
}

const { files, bytes } = await bundle();
process.stdout.write(`packages/cli/dist: ${files} files, ${(bytes / 1000).toFixed(0)} kB\n`);
if (args.includes("--pack")) {
  const file = await pack();
  process.stdout.write(`${relative(ROOT, file)}: npm install -g ./${relative(ROOT, file)}\n`);
}
