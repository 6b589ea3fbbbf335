/**
 * Development only. What tests stand on: logs and remotes in memory that can lie, and canned servers. Nix parties are in
 * `@trustix/testkit/nix`.
 */
export { captureNumber, loadCaptures, startCannedServer, type CannedServer, type Capture } from "./canned-server.ts";
export { evidenceExamples, narInfo, type EvidenceExample } from "./evidence-examples.ts";
export { FakeClock } from "./fake-clock.ts";
export { FakeLog, FakeTree, type FakeEntry } from "./fake-log.ts";
export { FakeNode, type Tamper } from "./fake-node.ts";
export { FakeReader } from "./fake-reader.ts";
export { receiptExample, receiptOf, RECEIPT_NODE_SEED, type ReceiptExample } from "./receipt-example.ts";
