export { DEFAULT_POLL_INTERVAL_MS, openFollower } from "./follower.ts";
export type { CacheableFollower, FollowerEvent, FollowerOptions } from "./follower.ts";
