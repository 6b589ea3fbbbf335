/**
 * Proofs and lookups that are suspended while batches are applied, written, committed and retired under them. Requests
 * are answered from the store as it is at some moment between question and continuation, as an asynchronous store does.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SparseMap } from "../../src/index.ts";
import type { Applied, MapVersion, Needs, ReadAnswer, ReadRequest } from "../../src/index.ts";
import { Records } from "./records.ts";
import { checked, crypto, inBatches, leafOf, pathOf, PREFIX, runs, someOptions, somePaths } from "./world.ts";

/** An operation under way: one question at a time, answered some time later, continued some time after that. */
class Running<T> {
  readonly #needs: Needs<T>;
  readonly #done: (result: T) => void;
  #asked: ReadRequest | undefined;
  #answer: ReadAnswer | undefined;
  finished = false;

  constructor(needs: Needs<T>, done: (result: T) => void) {
    this.#needs = needs;
    this.#done = done;
  }

  step(records: Records): void {
    if (this.#asked !== undefined && this.#answer === undefined) {
      this.#answer = records.answer(this.#asked);
      return;
    }
    const next = this.#answer === undefined ? this.#needs.next() : this.#needs.next(this.#answer);
    this.#answer = undefined;
    if (next.done === true) {
      this.finished = true;
      this.#done(next.value);
    } else {
      this.#asked = next.value;
    }
  }
}

const choices = fc.infiniteStream(fc.nat(1_000_000));

test("proofs and lookups are right at every version while the map grows under them", () => {
  fc.assert(
    fc.property(somePaths, someOptions, fc.integer({ min: 1, max: 12 }), choices, (paths, options, size, stream) => {
      const pick = (below: number): number => stream.next().value! % below;
      const records = new Records();
      const map = records.run(SparseMap.open(crypto, PREFIX, undefined, options));
      const batches = inBatches(paths, [size]);
      const versions: MapVersion[] = [];
      const flights: Applied[] = [];
      const readers: { readonly finished: boolean; step(records: Records): void }[] = [];
      let writer: Running<Applied> | undefined;
      let applied = 0;
      let started = 0;
      let answered = 0;

      const startReader = (): void => {
        // The last version not yet written is asked for too: a publisher may make it known as soon as it is durable.
        const at = versions[versions.length - 1 - pick(versions.length)]!;
        const index = pick(paths.length);
        const path = paths[index]!;
        if (pick(4) === 0) {
          const before = versions.at(-1)!.size;
          readers.push(
            new Running(map.locate([path]), ([found]) => {
              answered++;
              if (index < before) expect(found).toBe(index);
              else expect([undefined, index]).toContain(found);
            }),
          );
          return;
        }
        readers.push(
          new Running(map.prove(path, at), (answer) => {
            answered++;
            checked(answer, path, at);
            expect(answer.kind === "present").toBe(index < at.size);
          }),
        );
      };
      const startWriter = (): void => {
        const first = versions.at(-1)?.size ?? 0;
        const leaves = batches[applied]!.map((path, i) => leafOf(path, first + i));
        writer = new Running(map.apply(leaves, applied++), (flight) => {
          versions.push(flight.at);
          flights.push(flight);
        });
      };
      const land = (): void => {
        const { changes, at } = flights.shift()!;
        records.write(changes);
        map.committed(at.version);
      };

      while (applied < batches.length || writer || flights.length > 0 || readers.length > 0) {
        const choice = pick(10);
        // Up to three batches are on their way to the disk.
        if (choice < 2 && !writer && applied < batches.length && flights.length < 3) startWriter();
        else if (choice < 5 && versions.length > 0 && started < 60) {
          started++;
          startReader();
        } else if (choice === 5 && flights.length > 0) land();
        else if (choice < 8 && writer) {
          writer.step(records);
          if (writer.finished) writer = undefined;
        } else if (readers.length > 0) {
          const at = pick(readers.length);
          readers[at]!.step(records);
          if (readers[at]!.finished) readers.splice(at, 1);
        }
      }
      expect(answered).toBe(started);
      // And what was written is all there is to know.
      const again = records.run(SparseMap.open(crypto, PREFIX, versions.at(-1), options));
      expect(records.run(again.locate(paths))).toEqual(paths.map((_, i) => i));
    }),
    runs(60),
  );
});

test("a bucket that changed between request and answer is asked for again", () => {
  const records = new Records();
  const paths = Array.from({ length: 40 }, (_, i) => pathOf(i));
  const map = records.run(SparseMap.open(crypto, PREFIX, undefined, { bucketCacheBytes: 0 }));
  const first = records.run(map.apply(paths.slice(0, 20).map(leafOf), 0));
  records.write(first.changes);
  map.committed(0);
  for (const path of paths.slice(0, 20)) {
    const proof = map.prove(path, first.at);
    const asked = proof.next();
    if (asked.done === true) throw new Error("a proof without buckets in memory asks for one");
    const stale = records.answer(asked.value);
    const from = map.at!.size;
    const next = records.run(map.apply([leafOf(paths[from]!, from)], map.at!.version + 1));
    records.write(next.changes);
    map.committed(next.at.version);
    let step = proof.next(stale);
    while (step.done !== true) step = proof.next(records.answer(step.value));
    checked(step.value, path, first.at);
  }
});

test("what is not durable is served from memory, whatever the store says", () => {
  const records = new Records();
  const options = { bucketCacheBytes: 0, trieBytes: 0, pageCacheBytes: 0, leavesPerSubtree: 2 };
  const map = records.run(SparseMap.open(crypto, PREFIX, undefined, options));
  const paths = Array.from({ length: 300 }, (_, i) => pathOf(i));
  const flights: Applied[] = [];
  for (const [version, batch] of inBatches(paths, [50]).entries()) {
    const first = version * 50;
    flights.push(
      records.run(
        map.apply(
          batch.map((path, i) => leafOf(path, first + i)),
          version,
        ),
      ),
    );
  }
  expect(records.all.size).toBe(0);
  const read = records.requests;
  for (const { at } of flights)
    for (const path of paths.slice(0, 60)) checked(records.run(map.prove(path, at)), path, at);
  expect(records.requests).toBe(read);
  for (const { changes, at } of flights) {
    records.write(changes);
    map.committed(at.version);
    for (const path of paths.slice(0, 60)) checked(records.run(map.prove(path, at)), path, at);
  }
});

test("two batches at once are refused", () => {
  const records = new Records();
  const map = records.run(SparseMap.open(crypto, PREFIX, undefined, { bucketCacheBytes: 0 }));
  const { changes } = records.run(map.apply([leafOf(pathOf(0), 0)], 0));
  records.write(changes);
  map.committed(0);
  const one = map.apply([leafOf(pathOf(1), 1)], 1);
  expect(one.next().done).toBe(false);
  expect(() => records.run(map.apply([leafOf(pathOf(2), 1)], 1))).toThrow("another batch is being applied");
});
