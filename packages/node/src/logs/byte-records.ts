/**
 * Reading and writing the node's own records: fixed-width numbers, bytes with their length before them. Reading trusts
 * nothing: a record cut short or with bytes left over is `corrupt`, and says which record it was.
 */
import { toHex } from "@trustix/crypto";
import { NodeError } from "../errors.ts";

/** Collects a record of at most `size` bytes. */
export class RecordWriter {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
  }

  u8(value: number): this {
    this.#at = this.#bytes.writeUInt8(value, this.#at);
    return this;
  }

  u16(value: number): this {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    return this;
  }

  u32(value: number): this {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }

  u48(value: number): this {
    this.#at = this.#bytes.writeUIntBE(value, this.#at, 6);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** A plain array. */
  done(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#at);
  }
}

/** Takes a record apart. All bytes it hands out are views into the record, as plain arrays. */
export class RecordReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  readonly #key: Uint8Array;
  #at = 0;

  /** `what` names the record in errors, `key` says where it lies. */
  constructor(bytes: Uint8Array, what: string, key: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#key = key;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u48(): number {
    return this.#bytes.readUIntBE(this.#take(6), 6);
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** Refuses another version than the one this program writes. */
  version(wanted: number): void {
    const got = this.u8();
    if (got !== wanted) throw this.corrupt(`has version ${got}, this program reads ${wanted}`);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw this.corrupt(`has ${this.#bytes.length - this.#at} bytes too many`);
  }

  corrupt(why: string): NodeError {
    return new NodeError("corrupt", `${this.#what} (key ${toHex(this.#key)}) ${why}`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw this.corrupt(`ends after ${this.#bytes.length} bytes`);
    this.#at = at + length;
    return at;
  }
}
