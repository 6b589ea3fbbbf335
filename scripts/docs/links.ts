/** Links between the pages of the checkout. Links to the web are not followed: the check needs no network. */
import { posix } from "node:path";

export interface Page {
  /** Relative to the checkout. */
  readonly path: string;
  readonly text: string;
}

/** One sentence for each link of the page that leads nowhere. `read` gives a target's text, `undefined` if it is missing. */
export function brokenLinks(page: Page, read: (path: string) => string | undefined): readonly string[] {
  return linksOf(page.text).flatMap(({ target, line }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", anchor] = target.split("#");
    const path = file === "" ? page.path : posix.join(posix.dirname(page.path), decodeURIComponent(file));
    const text = file === "" ? page.text : read(path);
    if (text === undefined) return [`${page.path}:${line}: the link to ${target} leads nowhere`];
    if (anchor === undefined || !path.endsWith(".md") || anchorsOf(text).has(anchor)) return [];
    return [`${page.path}:${line}: ${path} has no heading #${anchor}`];
  });
}

/** `[text](target)` outside of code. */
function linksOf(text: string): readonly { readonly target: string; readonly line: number }[] {
  return proseLines(text).flatMap(({ content, line }) =>
    [...content.replaceAll(/`[^`]*`/g, "code").matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(
      ([, target = ""]) => ({
        target,
        line,
      }),
    ),
  );
}

/** The anchors that a forge makes of the headings: lower case, no punctuation, dashes for spaces. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = proseLines(text).flatMap(({ content }) => /^#{1,6}\s+(.*?)\s*#*$/.exec(content)?.[1] ?? []);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(/\s/g, "-"),
    ),
  );
}

/** The lines outside of fenced code, numbered from 1. */
function proseLines(text: string): readonly { readonly content: string; readonly line: number }[] {
  let fenced = false;
  return text.split("\n").flatMap((content, index) => {
    const fence = /^\s*(```|~~~)/.test(content);
    if (fence) fenced = !fenced;
    return fence || fenced ? [] : [{ content, line: index + 1 }];
  });
}
