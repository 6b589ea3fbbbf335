/** The mirror: followed logs, whole, on the user's own machine. */
export { openMirror } from "./mirror.ts";
export type { LogMirror, MirrorEvent } from "./mirror.ts";
