/**
 * A decision as people and programs look at it, and pages without scripts to show such things on. Apart from the package's
 * main entry, because a command that prints one needs nothing else of it.
 *
 * @example
 * const page = printPage("rocket-1.0", html`<h1>${name}</h1>`);
 */
export {
  describeProof,
  explanationToJson,
  type ExplainedClaim,
  type ExplainedDecision,
  type ExplainedVoter,
  type Explanation,
  type ShownBy,
} from "./explanation.ts";
export { explanationPage, type Consequence, type PageOptions, type Tone } from "./explanation-page.ts";
export { html, type Html } from "./html.ts";
export { PAGE_STYLE, messagePage, printPage } from "./page.ts";
