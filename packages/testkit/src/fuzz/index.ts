/** Development only. Parsers against everything that may come: a corpus in the tree, and what fast-check makes of it. */
export { anyText } from "./any-text.ts";
export { describeParsers, parser, type Parser } from "./describe-parsers.ts";
