/** The machine's `nix` as a `RunNix`. */
import { execFile } from "node:child_process";
import { MAX_PATH_INFO_BYTES } from "@trustix/nix-formats";

/** Runs `nix` with these arguments: its stdout. Rejects when it fails, with what it said. */
export type RunNix = (args: readonly string[], signal: AbortSignal) => Promise<Uint8Array>;

/** `program` is a path or a name on the PATH; `env` steers Nix (NIX_REMOTE, NIX_CONF_DIR, ...). */
export function nixRunner(env: NodeJS.ProcessEnv, program = "nix"): RunNix {
  return (args, signal) =>
    new Promise((resolve, reject) => {
      const all = ["--extra-experimental-features", "nix-command", ...args];
      const options = { env, signal, maxBuffer: MAX_PATH_INFO_BYTES, encoding: "buffer" as const };
      execFile(program, all, options, (error, stdout, stderr) => {
        if (error === null) resolve(new Uint8Array(stdout));
        else if ("code" in error && error.code === "ENOENT") reject(new Error(`no ${program} on the PATH`));
        else reject(new Error(stderr.toString().trim() || error.message, { cause: error }));
      });
    });
}
