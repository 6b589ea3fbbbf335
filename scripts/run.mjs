#!/usr/bin/env node
/**
 * `npm start`, `npm test`, `npm run check` ... all come through here: puts the packages of package-lock.json in place,
 * finds the pinned Node 24 and runs `scripts/<verb>.ts` with it.
 *
 * Plain JavaScript without dependencies, because on a fresh clone nothing else is there yet; runs on Node 18 and newer.
 * Says nothing when there is nothing to do.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensurePackages } from "./setup/packages.mjs";
import { findNode } from "./setup/pinned-node.mjs";

const VERBS = ["start", "test", "check", "bench", "dev", "build", "generate", "format"];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

function fail(message, hint) {
  process.stderr.write(`trustix: error: ${message}\n${hint === undefined ? "" : `trustix: hint: ${hint}\n`}`);
  process.exit(1);
}

/** Runs `script` in a process of its own; what ends this process ends that one, and the other way round. */
function runIn(node, script, args, env) {
  const child = spawn(node, [script, ...args], { stdio: "inherit", env });
  const forward = (signal) => child.kill(signal);
  process.on("SIGTERM", forward);
  process.on("SIGHUP", forward);
  // A terminal hands Ctrl-C to the whole group, the child included: a second one would look like impatience.
  process.on("SIGINT", (signal) => process.stdin.isTTY || forward(signal));
  child.on("error", (error) => fail(`cannot run ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ["SIGTERM", "SIGHUP", "SIGINT"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

const [verb = "", ...args] = process.argv.slice(2);
if (!VERBS.includes(verb)) fail(`no such verb "${verb}"`, `one of: ${VERBS.join(", ")}`);
const script = join(root, "scripts", `${verb}.ts`);
if (!existsSync(script)) fail(`${script} is not there`);

const installed = ensurePackages(root, fail);
const node = findNode(root, fail);
const env = {
  ...process.env,
  PATH: [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
};
// The same program already (npm puts it first in PATH): no second process, unless it was replaced under our feet.
if (!installed && realpathSync(node) === realpathSync(process.execPath)) {
  process.argv.splice(1, 2, script);
  process.env.PATH = env.PATH;
  await import(pathToFileURL(script).href);
} else {
  runIn(node, script, args, env);
}
