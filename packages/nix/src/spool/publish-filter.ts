/**
 * What of a machine's builds may be published. A name in a log tells everybody that it was built here.
 *
 * - `deny` wins over everything.
 * - A derivation made for one machine (`preferLocalBuild`, or `allowSubstitutes = false`: generated configuration, with
 *   names and contents that are nobody's business) is published only if a glob of `allow` that begins with a literal
 *   character names it: `*`, `?*` and the like are meant for packages.
 * - With an `allow` list, only what it names is published.
 *
 * Globs are matched on the derivation's name and on the output's (`hello-2.12` and `hello-2.12-dev`).
 */
import picomatch from "picomatch";

export interface PublishRules {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface Publishable {
  /** Name of the derivation, without hash and `.drv`. */
  readonly derivation: string;
  /** Name of the output's store path, without hash. */
  readonly output: string;
  /** Made for one machine, as its attributes say. */
  readonly local: boolean;
}

/** `undefined`: publish it. Otherwise why not, in words that follow "not published:". */
export type PublishFilter = (candidate: Publishable) => string | undefined;

/** Throws `TypeError` for an empty glob. */
export function publishFilter(rules: PublishRules): PublishFilter {
  const allow = rules.allow ?? [];
  const denied = matcher(rules.deny ?? []);
  const allowed = matcher(allow);
  const named = matcher(allow.filter((glob) => /^[0-9A-Za-z._+=-]/.test(glob) && !/^[+]\(/.test(glob)));
  return ({ derivation, output, local }) => {
    const names = [derivation, output];
    if (names.some(denied)) return "publish.deny names it";
    if (local && !names.some(named)) return "made for this machine (preferLocalBuild or allowSubstitutes = false)";
    if (allow.length > 0 && !names.some(allowed)) return "publish.allow does not name it";
    return undefined;
  };
}

function matcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.includes("")) throw new TypeError("an empty glob names nothing; use * for everything");
  // Without negation: `!x` in a list of globs would allow all but x, which is what `deny` is for.
  return globs.length === 0 ? () => false : picomatch([...globs], { dot: true, nonegate: true });
}
