/** What a configuration names, opened: the store below the state folder, the nodes to ask. */
import { join } from "node:path";
import { httpTransport, type RpcTransport } from "@trustix/client";
import { openEmbeddedStore, openMemoryStore, StorageError, type Store } from "@trustix/storage";
import type { Config } from "./config/index.ts";
import { NodeError } from "./errors.ts";

/** The store's folder in a state folder. */
export function storeFolder(state: string): string {
  return join(state, "store");
}

/** Makes it where there is none. Throws `locked`, `corrupt`, `storage`. */
export async function openStore(storage: Config["storage"], state: string): Promise<Store> {
  if (storage === "memory") return openMemoryStore();
  try {
    return await openEmbeddedStore(storeFolder(state));
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const code = error.code === "locked" ? "locked" : error.code === "corrupt" ? "corrupt" : "storage";
    throw new NodeError(code, error.message, { cause: error });
  }
}

/** Calls to a node, within what the configuration allows it to answer. */
export function remoteAt(url: string, config: Config): RpcTransport {
  return httpTransport(url, {
    ca: config.ca,
    socketUids: config.socketOwners,
    maxAnswerBytes: config.limits.answerBytes,
  });
}
