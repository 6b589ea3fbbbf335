/** What the server serves: the parts of the daemon, as the seams of the node name them. */
import type { Crypto } from "@trustix/crypto";
import type { LogId, PublicToken } from "@trustix/protocol";
import type { Limits } from "../config/limits.ts";
import type { Clock, Decide, Follower, LogReader, Publisher, Values } from "../model.ts";

/** A log of this node: its readers' side and its one writer. */
export interface PublishedLog {
  readonly name: string;
  readonly reader: LogReader;
  readonly publisher: Publisher;
}

export interface ServerParts {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Shown by `NodeExt.Status`. */
  readonly version: string;
  readonly published: ReadonlyMap<LogId, PublishedLog>;
  readonly values: Values;
  readonly follower: Follower;
  readonly decide: Decide;
  /** Who may write, by name. */
  readonly tokens: ReadonlyMap<string, PublicToken>;
}
