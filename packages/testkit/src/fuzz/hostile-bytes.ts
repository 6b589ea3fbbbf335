/** Bytes that a parser may get: noise, and good bytes after one to three of the accidents and tricks that befall bytes. */
import fc from "fast-check";

/** What texts and lengths are attacked with: ends, nesting, numbers at their limits, names that JavaScript reacts to. */
const PIECES: readonly Uint8Array[] = [
  ...'\n \r\n \0 " \\ \\u0000 \\ud800 [ [[[[[[[[ { } , : = - #'.split(" "),
  ...'0 -0 1e999 5.0 9007199254740993 99999999999999999999 null "__proto__": \u2028 \u0130'.split(" "),
].map((text) => new TextEncoder().encode(text));
const WIDTHS = [1, 2, 4, 8];
const FILLS = [0x00, 0x7f, 0x80, 0xff];

type Change = (bytes: Uint8Array) => Uint8Array;

const flip: fc.Arbitrary<Change> = fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]) => (bytes) => {
  const out = bytes.slice();
  if (out.length > 0) out[at % out.length]! ^= 1 << bit;
  return out;
});

const cut: fc.Arbitrary<Change> = fc.nat().map((at) => (bytes) => bytes.slice(0, at % (bytes.length + 1)));

const leaveOut: fc.Arbitrary<Change> = between((bytes, from, to) => joined(bytes.slice(0, from), bytes.slice(to)));

const twice: fc.Arbitrary<Change> = between((bytes, from, to) => joined(bytes.slice(0, to), bytes.slice(from)));

const insert: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.oneof(fc.constantFrom(...PIECES), fc.uint8Array({ minLength: 1, maxLength: 8 })))
  .map(([at, piece]) => (bytes) => {
    const place = at % (bytes.length + 1);
    return joined(bytes.slice(0, place), piece, bytes.slice(place));
  });

/** Where a length stands, a huge one; where a number stands, one at its limit. */
const overwrite: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.constantFrom(...WIDTHS), fc.constantFrom(...FILLS))
  .map(([at, width, fill]) => (bytes) => {
    const place = at % (bytes.length + 1);
    return bytes.slice().fill(fill, place, place + width);
  });

function between(change: (bytes: Uint8Array, from: number, to: number) => Uint8Array): fc.Arbitrary<Change> {
  return fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => (bytes) => {
    const [from, to] = [a % (bytes.length + 1), b % (bytes.length + 1)];
    return change(bytes, Math.min(from, to), Math.max(from, to));
  });
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Noise, `good` as it comes, and `good` changed: mostly the last. */
export function hostileBytes(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.oneof(flip, cut, leaveOut, twice, insert, overwrite), { minLength: 1, maxLength: 3 });
  const changed = fc.tuple(good, changes).map(([bytes, all]) => all.reduce((now, change) => change(now), bytes));
  return fc.oneof(
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: good },
    { weight: 7, arbitrary: changed },
  );
}

/** `size` bytes each: a piece of syntax over and over, one good file over and over, lists and tables in each other. */
export function floods(good: Uint8Array, size: number): Uint8Array[] {
  const pieces = ["\0", "\xff", "\n", " ", "A", "0", "a=1\n", "[[", good.length === 0 ? "." : Buffer.from(good)];
  const nested = [
    ["[", "]"],
    ['{"a":', "}"],
  ].map(([open, close]) => {
    const depth = Math.floor(size / (open!.length + close!.length));
    return Buffer.from(`${open!.repeat(depth)}${close!.repeat(depth)}`);
  });
  return [...pieces.map((piece) => Buffer.alloc(size, piece, "latin1")), ...nested].map(
    (all) => new Uint8Array(all.buffer, all.byteOffset, all.length),
  );
}
