/** Asks, before anything is signed, everybody who may know a newer head than the store: the marker and the remotes. */
import { type Crypto, equalBytes } from "@trustix/crypto";
import { rootAt } from "@trustix/merkle";
import { type Hash, type LogHead, headPreimage, verifyHead } from "@trustix/protocol";
import { NodeError } from "../errors.ts";
import { resolveNeeds } from "../logs/resolve-needs.ts";
import { type SeenHead, whyNotToSign } from "./check-continuity.ts";
import type { PublisherOptions } from "./options.ts";

const MARKER = "the head marker";
const REMOTE = "a remote";

export class HistoryGuard {
  readonly #options: PublisherOptions;
  /** What each holder was last found with: once a past of the store, it stays one while this process lives. */
  readonly #continued = new Map<string, LogHead>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Call once the marker is written. */
  wrote(head: LogHead): void {
    this.#continued.set(MARKER, head);
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
        this.#continued.set(seen.holder, seen.head);
      }
      return undefined;
    } catch (error) {
      return error instanceof NodeError && error.hint ? `${error.message}: ${error.hint}` : (error as Error).message;
    }
  }

  async #seenHeads(): Promise<SeenHead[]> {
    const { marker, crypto, published, newestElsewhere } = this.#options;
    const { place } = marker ?? {};
    const marked = await marker?.read();
    if (marked && !this.#isContinued(MARKER, marked) && !this.#isOurs(crypto, marked)) {
      const message = `head marker ${place}: not signed by the key of log ${published.info.id}`;
      throw new NodeError("corrupt", message);
    }
    // Remotes may be down: then the marker alone guards. One that answers with a head of another key proves nothing.
    const elsewhere = await newestElsewhere?.().catch(() => undefined);
    const seen: SeenHead[] = [];
    if (marked && !this.#isContinued(MARKER, marked)) seen.push({ head: marked, holder: MARKER, place });
    if (elsewhere && !this.#isContinued(REMOTE, elsewhere) && this.#isOurs(crypto, elsewhere))
      seen.push({ head: elsewhere, holder: REMOTE });
    return seen;
  }

  #isContinued(holder: string, head: LogHead): boolean {
    const known = this.#continued.get(holder);
    return known !== undefined && isSameHead(known, head);
  }

  #isOurs(crypto: Crypto, head: LogHead): boolean {
    return verifyHead(crypto, this.#options.published.info.publicKey, head);
  }
}

function isSameHead(a: LogHead, b: LogHead): boolean {
  return equalBytes(headPreimage(a), headPreimage(b));
}
