/**
 * HTML from templates: whatever is put into one is text, unless it was made by one. There is no other way to make an `Html`,
 * so that nothing which came from outside can be more than text.
 *
 *     html`<td>${voter.name}</td>`
 */

const made = Symbol("made by html");

export interface Html {
  readonly [made]: string;
}

type Part = string | number | Html | readonly Html[] | undefined;

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0]!;
  for (const [i, part] of parts.entries()) text += textOf(part) + strings[i + 1]!;
  return { [made]: text };
}

export function printHtml(page: Html): string {
  return page[made];
}

function textOf(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  if (Array.isArray(part)) return part.map((one: Html) => one[made]).join("");
  return (part as Html)[made];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Also without what changes the direction or the look of the text around it. */
function escapeHtml(text: string): string {
  const plain = text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "\u{fffd}");
  return plain.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
