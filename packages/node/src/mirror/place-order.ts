/**
 * Which place a log is copied from: the order in which the follower would ask, but for places that were of no use
 * lately. A place may show heads quickly and then let entries wait, so it must not be asked first for ever.
 */
import type { LogAtRemote } from "@trustix/client";

export class PlaceOrder {
  readonly #troubles = new Map<string, number>();

  /** Those with the fewest troubles first. */
  sorted(places: readonly LogAtRemote[]): LogAtRemote[] {
    return [...places].sort((a, b) => this.#troublesOf(a) - this.#troublesOf(b));
  }

  /** It failed, lied or was slow. */
  noteTrouble(place: LogAtRemote): void {
    this.#troubles.set(place.transport.url, this.#troublesOf(place) + 1);
  }

  /** It brought the copy to a head. */
  noteSuccess(place: LogAtRemote): void {
    this.#troubles.delete(place.transport.url);
  }

  #troublesOf({ transport }: LogAtRemote): number {
    return this.#troubles.get(transport.url) ?? 0;
  }
}
