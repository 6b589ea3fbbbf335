/**
 * Sends a body to a client and always holds its last bytes back: they go out only with `finish`. A client that got less than
 * the promised length, or no end of a chunked body, knows that it has nothing. While all of the body is still held, not
 * even the head is sent, and another source can be tried unseen.
 *
 * Bytes are copied into blocks that are used again once the system has them: whoever pushes them can give their memory back
 * at once.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "../clock.ts";

/** The client went away, or did not read for too long. */
export class ClientGone extends Error {
  override name = "ClientGone";
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
}

const BLOCK_BYTES = 64 * 1024;

interface Block {
  readonly bytes: Uint8Array;
  used: number;
}

export class HeldSink {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #heldBytes: number;
  readonly #stall: number;
  readonly #head: Head;
  readonly #blockBytes: number;
  #held: Block[] = [];
  #heldNow = 0;
  readonly #free: Uint8Array[] = [];
  #sent = 0;

  /** `size`: bytes of the body, where they are known. */
  constructor(options: {
    response: ServerResponse;
    clock: Clock;
    heldBytes: number;
    stall: number;
    head: Head;
    size?: number | undefined;
  }) {
    this.#response = options.response;
    this.#clock = options.clock;
    this.#heldBytes = options.heldBytes;
    this.#stall = options.stall;
    this.#head = options.head;
    this.#blockBytes = Math.max(1, Math.min(BLOCK_BYTES, options.size ?? BLOCK_BYTES));
  }

  /** Bytes of the body that the client was sent. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * Takes a copy. The promise, if there is one, resolves when the client has read enough; rejects with `ClientGone`.
   */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#response.destroyed) throw new ClientGone("the client closed the connection");
    let flowing = true;
    for (let at = 0; at < chunk.length;) {
      at += this.#hold(chunk.subarray(at));
      while (this.#heldNow - this.#held[0]!.used >= this.#heldBytes) flowing = this.#send(this.#held.shift()!);
    }
    return flowing ? undefined : this.#drained();
  }

  /** How many bytes found room in the last block. */
  #hold(chunk: Uint8Array): number {
    let last = this.#held.at(-1);
    if (last === undefined || last.used === last.bytes.length) {
      last = { bytes: this.#free.pop() ?? new Uint8Array(this.#blockBytes), used: 0 };
      this.#held.push(last);
    }
    const part = chunk.subarray(0, last.bytes.length - last.used);
    last.bytes.set(part, last.used);
    last.used += part.length;
    this.#heldNow += part.length;
    return part.length;
  }

  #send({ bytes, used }: Block): boolean {
    if (!this.#response.headersSent) this.#response.writeHead(this.#head.status, this.#head.headers);
    this.#sent += used;
    this.#heldNow -= used;
    return this.#response.write(bytes.subarray(0, used), () => this.#free.push(bytes));
  }

  /** Sends what is held, and the end. */
  async finish(): Promise<void> {
    if (this.#response.destroyed) throw new ClientGone("the client closed the connection");
    for (const block of this.#held) this.#send(block);
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
