/** Joining any number of pieces: as arguments of one call, a hundred thousand of them overflow the stack. */

/** A fresh array with the parts one after the other. */
export function joinBytes(parts: Iterable<Uint8Array>): Uint8Array {
  const all = [...parts];
  const out = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
