/**
 * The server: listeners, wire protocols, services, limits, tokens, metrics. It serves the parts of the daemon by their
 * interfaces (`model.ts`) and knows none of them.
 */
export { inheritedListeners } from "./inherited-sockets.ts";
export { defaultOptions, type ListenerOptions } from "./listener-options.ts";
export type { PublishedLog, ServerParts } from "./parts.ts";
export { startServer, type RunningServer } from "./server.ts";
