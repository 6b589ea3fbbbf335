/** Words of the pages. */

/** Of one that came from outside. */
export const MAX_SENTENCE = 4000;

/** A store path's name, without hash. */
export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 34) || path;
}

/** UTC, to the second. */
export function moment(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const short = text.length > MAX_SENTENCE ? `${text.slice(0, MAX_SENTENCE)}…` : text;
  const begun = short.charAt(0).toUpperCase() + short.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
