/** A store for tests: records in a map, ranges by sorting. Counts what is read. */
import { compareBytes, fromHex, toHex } from "@trustix/crypto";
import { drive, type Needs, type ReadAnswer, type ReadRequest, type RecordChange } from "../../src/index.ts";

export class Records {
  readonly all = new Map<string, Uint8Array>();
  requests = 0;

  write(changes: readonly RecordChange[]): void {
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
    const from = toHex(request.from);
    const to = toHex(request.to);
    return [...this.all]
      .filter(([key]) => key >= from && key < to)
      .map(([key, value]) => [fromHex(key), value.slice()] as const)
      .toSorted(([a], [b]) => compareBytes(a, b))
      .flat();
  }

  copy(): Records {
    const copy = new Records();
    for (const [key, value] of this.all) copy.all.set(key, value);
    return copy;
  }
}
