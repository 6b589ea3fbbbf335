/** Which package a key speaks of: builds of one package reproduce, or do not, for one and the same reason. */

/** Longer names than Nix allows (211 characters) are cut, so that a table of names is bounded. */
const MAX_NAME = 211;
const STORE_PREFIX_LENGTH = "/nix/store/".length + 33;

/**
 * The name of a store path without hash, version and output: `/nix/store/<hash>-openssl-3.0.13-dev` is `openssl`. Any
 * other key is taken for the name itself. As Nix splits a name: the version begins after the first hyphen that no letter
 * follows.
 */
export function packageOf(key: string): string {
  let begin = 0;
  if (key.startsWith("/nix/store/") && key[STORE_PREFIX_LENGTH - 1] === "-") begin = STORE_PREFIX_LENGTH;
  const end = Math.min(key.length, begin + MAX_NAME);
  for (let i = key.indexOf("-", begin + 1); i >= 0 && i < end - 1; i = key.indexOf("-", i + 1)) {
    if (!isLetter(key.charCodeAt(i + 1))) return key.slice(begin, i);
  }
  return key.slice(begin, end);
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
