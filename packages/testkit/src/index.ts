/**
 * Development only. What tests stand on: logs and remotes in memory that can lie, and canned servers. Nix parties are in
 * `@trustix/testkit/nix`.
 */
export { FakeLog, FakeTree, type FakeEntry } from "./fake-log.ts";
export { FakeNode, type Tamper } from "./fake-node.ts";
