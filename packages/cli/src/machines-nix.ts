/** The machine's Nix, with its own words when it fails. */
import { nixRunner, type RunNix } from "@trustix/nix/audit";
import { CliError } from "./cli-error.ts";

export function machinesNix(env: Readonly<Record<string, string | undefined>>): RunNix {
  const run = nixRunner({ ...env });
  return (args, signal) =>
    run(args, signal).catch((cause: unknown) => {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(`nix: ${said.replace(/^error: /, "")}`, { cause });
    });
}
