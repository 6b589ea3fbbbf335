/** What a configuration names, opened: the store below the state folder, the nodes to ask. */
import { join } from "node:path";
import { httpTransport, type HeadersFor, type RpcTransport } from "@trustix/client";
import { openEmbeddedStore, openMemoryStore, StorageError, type EmbeddedOptions, type Store } from "@trustix/storage";
import { NodeError } from "./errors.ts";

/** What the configuration says of all remotes. */
export interface RemoteSettings {
  readonly ca: string | undefined;
  readonly socketOwners: readonly number[];
  readonly limits: { readonly answerBytes: number };
}

/** The store's folder in a state folder. */
export function storeFolder(state: string): string {
  return join(state, "store");
}

const LOCKED_HINT = "a daemon runs on it: `trustix status` asks that one; a second node needs another --state";
const CORRUPT_HINT = "keep a copy of the folder; restore a backup and let `trustix recover` fetch what it lacks";

/**
 * Of what a node that publishes nothing writes, all comes in large batches: its copies. Sorted once in larger pieces, a
 * first copy takes a seventh less; flushes of a log of one's own are better with the store's default.
 */
const COPIES_BUFFER_BYTES = 32 << 20;

/** Makes it where there is none. `publishes`: whether this node has logs of its own. Throws `locked`, `corrupt`, `storage`. */
export async function openStore(storage: "native" | "memory", state: string, publishes: boolean): Promise<Store> {
  if (storage === "memory") return openMemoryStore();
  return open(state, publishes ? {} : { writeBufferBytes: COPIES_BUFFER_BYTES });
}

/** For whoever only reads: makes nothing. Throws `not_found` as well. */
export async function openExistingStore(state: string): Promise<Store> {
  return open(state, { mustExist: true });
}

async function open(state: string, options: EmbeddedOptions): Promise<Store> {
  const folder = storeFolder(state);
  try {
    return await openEmbeddedStore(folder, options);
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause;
    switch (cause.code) {
      case "locked":
        throw new NodeError("locked", cause.message, { cause, hint: LOCKED_HINT });
      case "corrupt":
        throw new NodeError("corrupt", cause.message, { cause, hint: CORRUPT_HINT });
      case "missing":
        throw new NodeError("not_found", `${state} holds no state of a node: there is no store in ${folder}`, {
          cause,
        });
      case "closed":
      case "io":
        throw new NodeError("storage", cause.message, { cause });
    }
  }
}

/** Calls to a node, within what the configuration allows it to answer. */
export function remoteAt(url: string, config: RemoteSettings, headersFor?: HeadersFor): RpcTransport {
  return httpTransport(url, {
    ca: config.ca,
    socketUids: config.socketOwners,
    maxAnswerBytes: config.limits.answerBytes,
    headersFor,
  });
}
