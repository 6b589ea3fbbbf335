/** docs/operate/configuration.md: every key, from the schema that reads the file. */
import type { ConfigKey } from "../../packages/node/src/config/reference.ts";
import type { Generator } from "./generators.ts";

const PATH = "docs/operate/configuration.md";

const INTRODUCTION = `# Configuration

*Made from the schema by \`npm run generate\`; change the schema, not this page.*

The daemon reads one file, TOML or JSON by its ending: \`trustix daemon --config FILE\`. \`trustix init\` writes one that works,
with comments. The case of keys does not matter. An unknown key is refused, with the nearest known one; every error names the
file, the key, what came and what was wanted. \`[]\` stands for each table of a list, words in capitals for names of your own.

Without \`--config\` the file is \`trustix.toml\` in the folder that a service manager hands over (\`CONFIGURATION_DIRECTORY\`); else
in \`$XDG_CONFIG_HOME/trustix\`, if that is set; else in \`/etc/trustix\` for root and \`~/.config/trustix\` for others. The keys and the token of
\`trustix init\` and the head markers lie by the same rule, except that markers are never put into what a service manager hands over. What
root has in \`/etc/trustix\` although \`XDG_CONFIG_HOME\` is set is still found there, and markers are read in all of these places
([why](../design/publisher.md)).`;

export const configurationPage: Generator = {
  name: "configuration reference",
  files: async () => {
    // Loaded here: its dependencies are needed by this generator only.
    const { configReference } = await import("../../packages/node/src/config/index.ts");
    return new Map([[PATH, renderConfiguration(configReference())]]);
  },
};

/** One section for each key of the first level, one table row for each key below it. */
export function renderConfiguration(keys: readonly ConfigKey[]): string {
  const sections = Map.groupBy(keys, ({ key }) => /^[^.[]+/.exec(key)?.[0] ?? key);
  return `${[INTRODUCTION, ...[...sections].map(([name, members]) => section(name, members))].join("\n\n")}\n`;
}

function section(name: string, members: readonly ConfigKey[]): string {
  const own = members.find(({ key }) => key === name);
  const below = members.filter((member) => member !== own);
  const head = own === undefined ? [] : [sentence(own)];
  if (below.length === 0) return [`## ${name}`, ...head].join("\n\n");
  const rows = below.map(
    (key) => `| \`${cell(key.key)}\` | ${cell(key.type)} | ${standard(key)} | ${cell(meaning(key))} |`,
  );
  return [`## ${name}`, ...head, ["| key | value | default | what |", "|---|---|---|---|", ...rows].join("\n")].join(
    "\n\n",
  );
}

/** The description of a section's own key; its value and default are told where they tell something. */
function sentence(key: ConfigKey): string {
  const isTable = /\btables?\b/.test(key.type);
  if (isTable) return meaning(key);
  const value = standard(key);
  return `${meaning(key)} Value: ${key.type}${value === "" ? "" : `; default: ${value}`}.`;
}

function meaning({ description, danger }: ConfigKey): string {
  return danger === undefined ? description : `${description} **Danger:** ${danger}`;
}

function standard({ required, default: value }: ConfigKey): string {
  if (required) return "*required*";
  return value === undefined ? "" : `\`${cell(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
