/** Asks, before anything is signed, everybody who may know a newer head than the store: the marker and the remotes. */
import { type Crypto, equalBytes } from "@trustix/crypto";
import { rootAt } from "@trustix/merkle";
import { type Hash, type LogHead, verifyHead } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { type SeenHead, whyNotToSign } from "./check-continuity.ts";
import type { PublisherOptions } from "./options.ts";

export class HistoryGuard {
  readonly #options: PublisherOptions;
  /** What this process last wrote to the marker: a past of everything it signed since. */
  #written: LogHead | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Call once the marker is written. */
  wrote(head: LogHead): void {
    this.#written = head;
  }

  /**
   * Why nothing may be signed after the store's head; `undefined` when all is well. Never throws. `ours` is asked after
   * the others were: a head is durable before its marker is written, so what others know by then is in the store.
   */
  async whyStopped(ours: () => LogHead | undefined): Promise<string | undefined> {
    const { published, store, crypto } = this.#options;
    const stored = (size: number): Promise<Hash> => resolveNeeds(rootAt(crypto, published.keys.logTiles, size), store);
    try {
      for (const seen of await this.#seenHeads()) {
        const why = await whyNotToSign(ours(), seen, stored);
        if (why !== undefined) return why;
      }
      return undefined;
    } catch (error) {
      return error instanceof NodeError && error.hint ? `${error.message}: ${error.hint}` : (error as Error).message;
    }
  }

  async #seenHeads(): Promise<SeenHead[]> {
    const { marker, crypto, published, newestElsewhere } = this.#options;
    const seen: SeenHead[] = [];
    const marked = await marker?.read();
    if (marker && marked && !(this.#written && isSameHead(marked, this.#written))) {
      if (!this.#isOurs(crypto, marked))
        throw new NodeError(
          "corrupt",
          `head marker ${marker.place}: not signed by the key of log ${published.info.id}`,
        );
      seen.push({ head: marked, holder: `the head marker ${marker.place}` });
    }
    // Remotes may be down: then the marker alone guards. One that answers with a head of another key proves nothing.
    const elsewhere = await newestElsewhere?.().catch(() => undefined);
    if (elsewhere && this.#isOurs(crypto, elsewhere)) seen.push({ head: elsewhere, holder: "a remote" });
    return seen;
  }

  #isOurs(crypto: Crypto, head: LogHead): boolean {
    return verifyHead(crypto, this.#options.published.info.publicKey, head);
  }
}

/** A signature commits to all the rest. */
function isSameHead(a: LogHead, b: LogHead): boolean {
  return a.treeSize === b.treeSize && equalBytes(a.signature, b.signature);
}
