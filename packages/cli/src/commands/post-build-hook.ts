/**
 * `trustix-nix post-build-hook` from Node: the launcher starts the shell script itself and does not come here. Whoever runs
 * the source or the bundle directly gets the same script, and the same promise: exit 0.
 */
import { spawn } from "node:child_process";
import { HOOK_SCRIPT } from "@trustix/nix";
import { EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";

export const run: Action = ({ io }) =>
  new Promise((resolve) => {
    const child = spawn("/bin/sh", [HOOK_SCRIPT], { stdio: "inherit", env: io.env });
    child.on("error", (error) => {
      io.note(`trustix: post-build-hook: ${error.message}`);
      resolve(EXIT.done);
    });
    child.on("exit", () => resolve(EXIT.done));
  });
