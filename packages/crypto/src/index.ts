/**
 * L0. What hashes and signatures look like to pure code, and the text forms of bytes.
 *
 * Pure packages never import a platform's crypto: they take a `Crypto` argument, built once in `main`
 * (`@trustix/node-crypto` on servers). Everything is synchronous.
 */
export type { Crypto, Sha256 } from "./crypto.ts";
export { compareBytes, concatBytes, equalBytes, startsWith, utf8, utf8Text } from "./bytes.ts";
export { fromBase64, fromHex, toBase64, toHex, TextFormError } from "./text-forms.ts";
