/**
 * What an attack is: one way of lying, which a server can be switched to. Each changes one of three things: what the log's
 * key signs (`twin`), what is answered in its name (`answer`), or how an answer travels (`send`). The last knows nothing
 * of logs, and works on any HTTP server.
 *
 * Lies are about the claims that say `GOOD`: where an attack puts another value in their place, it is `BACKDOOR`.
 */
import type { DescMethodUnary } from "@bufbuild/protobuf";
import type { Crypto } from "@trustix/crypto";
import type { FakeLog } from "../fake-log.ts";
import type { FakeNode } from "../fake-node.ts";
import type { Send } from "./evil-http.ts";

export const GOOD = "good";
export const BACKDOOR = "backdoor";

export interface Attack {
  /** What it does, in a sentence. */
  readonly does: string;
  /** The log that is shown instead, signed by the same key: only its holder can do this. */
  readonly twin?: (crypto: Crypto, log: FakeLog) => FakeLog;
  readonly answer?: Answer;
  readonly send?: Send;
}

/** The answer that is given instead. Throws `RpcError` to answer with an error. */
export type Answer = (call: EvilCall) => Uint8Array;

/** A call that an attack answers. */
export interface EvilCall {
  readonly method: DescMethodUnary;
  readonly request: Uint8Array;
  readonly crypto: Crypto;
  /** Answers honestly, as far as its logs are honest. */
  readonly node: FakeNode;
  /** The answer without this attack. Throws `RpcError`. */
  readonly honest: () => Uint8Array;
}
