/** The mirror: followed logs, whole, on the user's own machine. */
export { openMirror } from "./mirror.ts";
export type { LogMirror } from "./mirror.ts";
export type { MirrorEvent, MirrorOptions } from "./options.ts";
