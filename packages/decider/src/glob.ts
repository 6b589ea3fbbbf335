/**
 * The patterns of exceptions. A glob has two wild cards and nothing else, `*` for any characters and `?` for one, so that
 * anybody can match as we do; it matches the whole name. The cost is bounded by both lengths multiplied.
 */

/** Whether `key` is the one, or has the name, that `match` means. */
export function matchesKey(match: string, key: Uint8Array): boolean {
  const text = textOf(key);
  if (text === undefined) return false;
  return match.startsWith("/") ? text === match : matchesGlob(match, nameOfKey(text));
}

/** Whether `match` is a glob that every name has. */
export function matchesEverything(match: string): boolean {
  return /^\*+$/.test(match);
}

/** What follows the hash part of a store path; any other key whole. */
function nameOfKey(key: string): string {
  return key.replace(/^\/nix\/store\/[0-9a-df-np-sv-z]{32}-/, "");
}

/** The UTF-8 text of a key; `undefined` for other bytes, which no pattern means. */
function textOf(key: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(key);
  } catch {
    return undefined;
  }
}

/** After a `*` only the last one is ever taken back: never more than both lengths multiplied. */
export function matchesGlob(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (glob[g] === "*") {
      star = g++;
      resume = n;
    } else if (g < glob.length && (glob[g] === "?" || glob[g] === name[n])) {
      g++;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++resume;
    } else return false;
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}
