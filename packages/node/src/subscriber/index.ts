/** The subscriber: follows the logs of others, light mode. */
export { openFollower } from "./follower.ts";
export type { CacheableFollower, FollowerEvent, FollowerOptions } from "./options.ts";
