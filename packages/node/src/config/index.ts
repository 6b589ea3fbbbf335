/** The configuration: `loadConfig` for programs, `configReference` for pages, `Limits` for the parts of the node. */
export type {
  Config,
  ListenerAddress,
  ListenerConfig,
  LogConfig,
  ProtocolRules,
  PublishConfig,
  PublisherConfig,
  SubscriberConfig,
  UpstreamConfig,
} from "./config.ts";
export {
  AddressError,
  listenerOf,
  parseListenAddress,
  parseRemote,
  parseUpstream,
  type ListenerOptions,
} from "./addresses.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { loadConfig, nodeFiles, type LoadOptions } from "./load.ts";
export { nearest } from "./nearest.ts";
export type { Files } from "./read-text.ts";
export { configReference, type ConfigKey } from "./reference.ts";
