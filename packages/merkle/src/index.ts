/**
 * L0. The two authenticated structures of a log: the RFC 6962 log tree over tiles, and the sparse map; all proofs and
 * their strict checks. Pure: records are asked for through `Needs`, hashes come in as a `Crypto`.
 */
export * from "./needs.ts";
export * from "./log/index.ts";
export * from "./map/index.ts";
