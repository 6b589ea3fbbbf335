/** A store for tests: records in a map, ranges by sorting. Counts what is read. Write through `write` only. */
import { fromHex, toHex } from "@trustix/crypto";
import { drive, type Needs, type ReadAnswer, type ReadRequest, type RecordChange } from "../../src/index.ts";

export class Records {
  readonly all = new Map<string, Uint8Array>();
  requests = 0;
  #sorted: string[] | undefined;

  write(changes: readonly RecordChange[]): void {
    this.#sorted = undefined;
    for (const [key, value] of changes) {
      if (value === undefined) this.all.delete(toHex(key));
      else this.all.set(toHex(key), Uint8Array.from(value));
    }
  }

  run<T>(needs: Needs<T>): T {
    return drive(needs, (request) => this.answer(request));
  }

  answer(request: ReadRequest): ReadAnswer {
    this.requests++;
    if (request.kind === "get") return request.keys.map((key) => this.all.get(toHex(key))?.slice());
    // Hex sorts as the bytes do.
    this.#sorted ??= [...this.all.keys()].sort();
    const [from, to] = [toHex(request.from), toHex(request.to)];
    let first = 0;
    for (let end = this.#sorted.length; first < end;) {
      const middle = (first + end) >> 1;
      if (this.#sorted[middle]! < from) first = middle + 1;
      else end = middle;
    }
    const answer: Uint8Array[] = [];
    for (let i = first; i < this.#sorted.length && this.#sorted[i]! < to; i++) {
      answer.push(fromHex(this.#sorted[i]!), this.all.get(this.#sorted[i]!)!.slice());
    }
    return answer;
  }
}
