/**
 * The newest head anybody may see, shared by the one writer and all readers of a log. The writer sets it once the head
 * is durable and its marker is written; it only ever moves forward while the process lives.
 */
import type { SparseMap } from "@trustix/merkle";
import type { LogInfo } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import type { StoredHead } from "./head-record.ts";
import type { LogKeys } from "./keys.ts";

export interface Published extends StoredHead {
  /** The map in memory; it may be ahead of this head, never behind it. */
  readonly tree: SparseMap;
  /** Heads from this number on are retained. */
  readonly oldest: number;
}

export class PublishedLog {
  readonly info: LogInfo;
  readonly keys: LogKeys;
  #current: Published | undefined;

  constructor(info: LogInfo, keys: LogKeys) {
    this.info = info;
    this.keys = keys;
  }

  /** Throws `unavailable` before the first head is published. */
  get current(): Published {
    if (!this.#current) throw new NodeError("unavailable", `log ${this.info.id} has published no head yet`);
    return this.#current;
  }

  publish(next: Published): void {
    this.#current = next;
  }
}
