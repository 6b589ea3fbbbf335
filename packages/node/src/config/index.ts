/** The configuration: `loadConfig` for programs, `configReference` for pages, `Limits` for the parts of the node. */
export type { Config } from "./config.ts";
export { listenerOf } from "./addresses.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export { loadConfig, type LoadOptions } from "./load.ts";
export type { Files } from "../node-files.ts";
export { configReference } from "./reference.ts";
