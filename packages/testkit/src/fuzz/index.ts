/** Development only. Parsers against everything that may come: a corpus in the tree, and what fast-check makes of it. */
export { describeParsers, parser, type Parser } from "./describe-parsers.ts";
