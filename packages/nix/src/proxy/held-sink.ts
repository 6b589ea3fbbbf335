/**
 * Sends a body to a client and always holds its last bytes back: they go out only with `finish`. A client that got less than
 * the promised length, or no end of a chunked body, knows that it has nothing. While all of the body is still held, not
 * even the head is sent, and another source can be tried unseen.
 */
import type { ServerResponse } from "node:http";
import type { ProxyClock } from "./model.ts";

/** The client went away, or did not read for too long. */
export class ClientGone extends Error {
  override name = "ClientGone";
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
}

export class HeldSink {
  readonly #response: ServerResponse;
  readonly #clock: ProxyClock;
  readonly #heldBytes: number;
  readonly #stall: number;
  readonly #head: Head;
  #held: Uint8Array[] = [];
  #heldNow = 0;
  #sent = 0;

  constructor(options: { response: ServerResponse; clock: ProxyClock; heldBytes: number; stall: number; head: Head }) {
    this.#response = options.response;
    this.#clock = options.clock;
    this.#heldBytes = options.heldBytes;
    this.#stall = options.stall;
    this.#head = options.head;
  }

  /** Bytes of the body that the client was sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The promise, if there is one, resolves when the client has read enough; rejects with `ClientGone`. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#response.destroyed) throw new ClientGone("the client closed the connection");
    this.#held.push(chunk);
    this.#heldNow += chunk.length;
    let flowing = true;
    while (this.#heldNow - this.#held[0]!.length >= this.#heldBytes) {
      const first = this.#held.shift()!;
      this.#heldNow -= first.length;
      flowing = this.#send(first);
    }
    return flowing ? undefined : this.#drained();
  }

  #send(chunk: Uint8Array): boolean {
    if (!this.#response.headersSent) this.#response.writeHead(this.#head.status, this.#head.headers);
    this.#sent += chunk.length;
    return this.#response.write(chunk);
  }

  /** Sends what is held, and the end. */
  async finish(): Promise<void> {
    if (this.#response.destroyed) throw new ClientGone("the client closed the connection");
    for (const chunk of this.#held) this.#send(chunk);
    if (!this.#response.headersSent) this.#response.writeHead(this.#head.status, this.#head.headers);
    this.#held = [];
    this.#response.end();
    if (!this.#response.writableFinished) await this.#finished();
  }

  /** Breaks the connection under a body that must not be completed. */
  break(): void {
    this.#held = [];
    this.#response.destroy();
  }

  #drained(): Promise<void> {
    return this.#event("drain");
  }

  #finished(): Promise<void> {
    return this.#event("finish");
  }

  #event(name: "drain" | "finish"): Promise<void> {
    const response = this.#response;
    return new Promise((resolve, reject) => {
      const done = (error?: ClientGone) => {
        timer.cancel();
        response.off(name, came);
        response.off("close", gone);
        if (error) reject(error);
        else resolve();
      };
      const came = () => done();
      const gone = () => done(new ClientGone("the client closed the connection"));
      const timer = this.#clock.after(this.#stall, () => {
        response.destroy();
        done(new ClientGone(`the client read nothing for ${this.#stall} ms`));
      });
      response.on(name, came);
      response.on("close", gone);
    });
  }
}
