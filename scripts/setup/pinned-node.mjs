/** The Node that everything runs with: the one pinned in package-lock.json, else the running one if it is new enough. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const LEAST = 24;

/** Path of a Node of at least version 24; calls `fail` (which ends the process) when there is none. */
export function findNode(root, fail) {
  const pinned = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= LEAST) return process.execPath;
  return fail(
    `Node ${LEAST} or newer is needed, this is ${process.version}, and none is pinned for ${process.platform}-${process.arch}`,
    "install it from https://nodejs.org and put it first in PATH",
  );
}
