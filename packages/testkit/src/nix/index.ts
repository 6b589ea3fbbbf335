/** L9, tests and examples only: real Nix in isolated parties. */
export { run, runOk } from "./run.ts";
export type { RunOptions, RunResult } from "./run.ts";
export { getNewerNix } from "./newer-nix.ts";
export { installedNix, nixPrograms } from "./nix-programs.ts";
export type { NixProgram } from "./nix-programs.ts";
export { compromisedSandbox, makeNixParty, removeStores } from "./nix-party.ts";
export type { Compression, NixParty, PartyOptions } from "./nix-party.ts";
export { DEMO_PACKAGES, PAYLOAD, writeDemoPackages } from "./demo-packages.ts";
