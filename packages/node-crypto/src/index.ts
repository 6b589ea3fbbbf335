/** L1. The `Crypto` of pure packages, by node:crypto. Random seeds are made here and nowhere else. */
export { nodeCrypto, randomSeed } from "./node-crypto.ts";
