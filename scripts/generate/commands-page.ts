/** docs/operate/commands.md: every command, flag and example, from the words that `--help` prints. */
import type { CommandGroup, CommandSpec, FlagSpec } from "../../packages/cli/src/command.ts";
import type { ProgramSpec } from "../../packages/cli/src/program.ts";
import type { Generator } from "./generators.ts";

const PATH = "docs/operate/commands.md";

const INTRODUCTION = `# Commands

*Made from the commands' own help by \`npm run generate\`; change the words there, not on this page.*

Results go to stdout, everything else to stderr. Commands that read take \`--json\`.`;

export const commandsPage: Generator = {
  name: "command reference",
  files: async () => {
    const { TRUSTIX } = await import("../../packages/cli/src/trustix-commands.ts");
    const { TRUSTIX_NIX } = await import("../../packages/cli/src/trustix-nix-commands.ts");
    return new Map([[PATH, renderCommands([TRUSTIX, TRUSTIX_NIX])]]);
  },
};

type Words = Pick<CommandSpec, "name" | "summary" | "details" | "args" | "flags" | "examples">;
type Group = Omit<CommandGroup, "commands"> & { readonly commands: readonly Words[] };
type Program = Pick<ProgramSpec, "name" | "summary" | "flags" | "examples"> & {
  readonly commands: readonly (Words | Group)[];
};

/** One section a program, one heading a command. */
export function renderCommands(programs: readonly Program[]): string {
  return `${[INTRODUCTION, ...programs.map(program)].join("\n\n")}\n`;
}

function program({ name, summary, flags, examples, commands: tree }: Program): string {
  const commands = tree.flatMap((command) => ("commands" in command ? inGroup(command) : [command]));
  const list = commands
    .map((command) => `- [\`${command.name}\`](#${name}-${command.name.replace(" ", "-")}): ${command.summary}`)
    .join("\n");
  const anywhere = `Before or after any command's name:\n\n${flagTable(flags)}`;
  return [
    `## ${name}`,
    summary,
    shell(examples),
    list,
    anywhere,
    ...commands.map((command) => section(name, command)),
  ].join("\n\n");
}

/** A group's commands by their whole names. */
function inGroup({ name, commands }: Group): Words[] {
  return commands.map((command) => ({ ...command, name: `${name} ${command.name}` }));
}

function section(
  name: string,
  { name: command, summary, details = "", args = [], flags = [], examples }: Words,
): string {
  const usage = [name, command, flags.length > 0 ? "[flags]" : "", ...args.map(([word]) => word)].filter(
    (part) => part !== "",
  );
  const parts = [
    `### ${name} ${command}`,
    `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.${details === "" ? "" : ` ${details.replaceAll("\n", " ")}`}`,
    `    ${usage.join(" ")}`,
    flagTable([...args.map(([words, description]) => ({ words, description })), ...flags]),
    shell(examples),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function flagTable(flags: readonly FlagSpec[]): string {
  const rows = flags.map(({ words, description, required }) => {
    const must = required === true ? "*required:* " : "";
    return `| \`${words.replaceAll("|", "\\|")}\` | ${must}${description.replaceAll("|", "\\|")} |`;
  });
  return rows.length === 0 ? "" : ["| flag | what |", "|---|---|", ...rows].join("\n");
}

function shell(lines: readonly string[]): string {
  return ["```sh", ...lines, "```"].join("\n");
}
