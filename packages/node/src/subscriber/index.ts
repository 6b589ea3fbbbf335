/** The subscriber: follows the logs of others, light mode. */
export { openFollower } from "./follower.ts";
export { DEFAULT_POLL_INTERVAL_MS } from "./options.ts";
export type { CacheableFollower, FollowerEvent, FollowerOptions } from "./options.ts";
