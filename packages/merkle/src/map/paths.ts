/** Paths of the map: 256 bits, most significant first, 0 goes left. A prefix is a path of which only `depth` bits count. */

export const PATH_BYTES = 32;
export const PATH_BITS = 256;

/** Bit `depth` of the path that begins at `offset`. */
export function bitAt(bytes: Uint8Array, offset: number, depth: number): number {
  return (bytes[offset + (depth >> 3)]! >> (7 - (depth & 7))) & 1;
}

/** How many leading bits two paths share: 0..256. */
export function sharedBits(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  for (let i = 0; i < PATH_BYTES; i++) {
    const difference = a[aOffset + i]! ^ b[bOffset + i]!;
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return PATH_BITS;
}

/** Order of two paths: negative, zero or positive. */
export function comparePaths(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  for (let i = 0; i < PATH_BYTES; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Writes the first `depth` bits of a path as `ceil(depth / 8)` bytes, the rest of the last byte zero. */
export function maskInto(path: Uint8Array, offset: number, depth: number, out: Uint8Array, at: number): void {
  const bytes = (depth + 7) >> 3;
  for (let i = 0; i < bytes; i++) out[at + i] = path[offset + i]!;
  if ((depth & 7) !== 0) out[at + bytes - 1]! &= 0xff00 >> (depth & 7);
}
