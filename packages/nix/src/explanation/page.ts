/**
 * Pages that need nothing else: no script, nothing fetched, one file, light and dark. Everything in one is escaped (`html.ts`);
 * whoever sends it forbids all but its style besides.
 */
import { html, printHtml, type Html } from "./html.ts";

/** The whole file. `style`: of this page alone; whoever sends one must allow it besides. */
export function printPage(title: string, body: Html, style = ""): string {
  const head = html`<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
    <title>${title} · Trustix</title>`;
  return `<!doctype html>\n<html lang="en">\n<head>${printHtml(head)}\n<style>${PAGE_STYLE}${style}</style></head>\n<body><main>${printHtml(body)}</main></body>\n</html>\n`;
}

/** What stands between backticks as code. */
export function withCode(text: string): readonly Html[] {
  return text.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

/** A page that says one thing: that there is no such path, or that nobody can be asked. Backticks make code. */
export function messagePage(title: string, sentences: readonly string[]): string {
  return printPage(
    title,
    html`<h1>${title}</h1>
      <div class="card care">${sentences.map((sentence) => html`<p>${withCode(sentence)}</p> `)}</div>`,
  );
}

/**
 * Classes: `card` with `good`, `care` or `bad`; `wide` around a table; `claim`, `camp`, `date` and `out` within it. A table
 * with `stacked` has its rows below each other where there is little room, each cell under its `data-title`.
 */
export const PAGE_STYLE = `
:root { color-scheme: light dark;
  --back: #fbfbf9; --card: #ffffff; --text: #1d2327; --quiet: #5b666e; --line: #dfe3e0;
  --good: #12693c; --good-back: #e6f4ea; --bad: #a3210f; --bad-back: #fdeae6; --care: #7a5200; --care-back: #fdf3dc;
  --camp-0: #2c5f9e; --camp-1: #8f3d7c; --camp-2: #7a5200; --camp-3: #00696f; --camp-4: #5b48b0; --camp-5: #9a3c46; }
@media (prefers-color-scheme: dark) { :root {
  --back: #15191b; --card: #1e2427; --text: #e6eaea; --quiet: #9eaab0; --line: #343d41;
  --good: #7fd6a0; --good-back: #17301f; --bad: #ff9d8a; --bad-back: #3a1d18; --care: #f0c869; --care-back: #33290f;
  --camp-0: #8fbcf5; --camp-1: #e39ad0; --camp-2: #f0c869; --camp-3: #6fd0d3; --camp-4: #bcb0ff; --camp-5: #f3a3a8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; }
code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .86em; overflow-wrap: anywhere; }
.lines { white-space: pre-wrap; }
.path, .quiet, footer { color: var(--quiet); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1.1rem; margin-top: 1.2rem; }
.card > strong { display: block; font-size: 1.15rem; }
.good { background: var(--good-back); border-color: var(--good); } .good > strong { color: var(--good); }
.bad { background: var(--bad-back); border-color: var(--bad); } .bad > strong { color: var(--bad); }
.care { background: var(--care-back); border-color: var(--care); } .care > strong { color: var(--care); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; min-width: 56rem; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .55rem .8rem; border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
td small, th small { display: block; color: var(--quiet); font-weight: 400; font-size: .88em; }
.camp { display: inline-block; min-width: 1.5em; text-align: center; border: 1.5px solid currentColor; border-radius: .35em;
  font-weight: 700; margin-right: .45em; }
.camp-decided { color: var(--good); } .camp-more { color: var(--quiet); }
${[0, 1, 2, 3, 4, 5].map((i) => `.camp-${i} { color: var(--camp-${i}); }`).join(" ")}
.claim, .date { white-space: nowrap; }
.out { color: var(--bad); font-weight: 600; } s { color: var(--quiet); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; margin: 0; } dt { color: var(--quiet); } dd { margin: 0; min-width: 0; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
@media (max-width: 60rem) {
  .stacked, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; min-width: 0; }
  .stacked thead { display: none; }
  .stacked tr { padding: .55rem .8rem; border-bottom: 1px solid var(--line); } .stacked tr:last-child { border-bottom: 0; }
  .stacked tr > * { border: 0; padding: .15rem 0; white-space: normal; overflow-wrap: anywhere; } .stacked .claim { white-space: normal; }
  .stacked [data-title]::before { content: attr(data-title) ": "; color: var(--quiet); }
  .stacked details { display: inline-block; vertical-align: top; max-width: 100%; } }
@media (max-width: 44rem) {
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } main { padding: 1.2rem .8rem 3rem; } }
a { color: inherit; } footer { margin-top: 2.5rem; font-size: .88rem; }
`;
