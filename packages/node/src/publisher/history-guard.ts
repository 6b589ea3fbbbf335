/** Asks, before anything is signed, everybody who may know a newer head than the store: the markers and the remotes. */
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
  // A head that was found to be a past of the store stays one while this process lives.
  /** By the marker's place. */
  readonly #marked = new Map<string, LogHead>();
  #elsewhere: LogHead[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Call once the marker is written. */
  wrote(head: LogHead): void {
    const { marker } = this.#options;
    if (marker !== undefined) this.#marked.set(marker.place, head);
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
        if (seen.place !== undefined) this.#marked.set(seen.place, seen.head);
        else this.#elsewhere.push(seen.head);
      }
      return undefined;
    } catch (error) {
      return error instanceof NodeError && error.hint ? `${error.message}: ${error.hint}` : (error as Error).message;
    }
  }

  async #seenHeads(): Promise<SeenHead[]> {
    const { marker, markersElsewhere = [], crypto, published, newestElsewhere } = this.#options;
    const seen: SeenHead[] = [];
    for (const marked of marker === undefined ? markersElsewhere : [marker, ...markersElsewhere]) {
      const { place } = marked;
      const head = await marked.read();
      if (head === undefined || isOneOf(head, [this.#marked.get(place)])) continue;
      if (!this.#isOurs(crypto, head)) {
        throw new NodeError("corrupt", `head marker ${place}: not signed by the key of log ${published.info.id}`);
      }
      seen.push({ head, holder: MARKER, place });
    }
    // Remotes may be down: then the marker alone guards. One that answers with a head of another key proves nothing.
    const elsewhere = [(await newestElsewhere?.().catch(() => undefined)) ?? []].flat();
    this.#elsewhere = this.#elsewhere.filter((known) => isOneOf(known, elsewhere));
    for (const head of elsewhere) {
      if (!isOneOf(head, this.#elsewhere) && this.#isOurs(crypto, head)) seen.push({ head, holder: REMOTE });
    }
    return seen;
  }

  #isOurs(crypto: Crypto, head: LogHead): boolean {
    return verifyHead(crypto, this.#options.published.info.publicKey, head);
  }
}

function isOneOf(head: LogHead, known: readonly (LogHead | undefined)[]): boolean {
  return known.some((one) => one !== undefined && (one === head || equalBytes(headPreimage(one), headPreimage(head))));
}
