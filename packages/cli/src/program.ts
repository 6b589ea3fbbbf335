/**
 * Command lines to actions. Flags that every command has stand before or after the command's name; unknown words are
 * refused with the nearest known one.
 */
import { Command, CommanderError, Option } from "commander";
import { EXIT, usageError, type CliError } from "./cli-error.ts";
import type { CommandGroup, CommandInput, CommandSpec, FlagSpec, Io } from "./command.ts";

export interface ProgramSpec {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly flags: readonly FlagSpec[];
  readonly commands: readonly (CommandSpec | CommandGroup)[];
  readonly examples: readonly string[];
}

/** Runs one command line (without the program's own name); the exit code. Throws what the command throws. */
export async function runProgram(spec: ProgramSpec, argv: readonly string[], io: Io): Promise<number> {
  let exit: number = EXIT.done;
  const program = base(new Command(spec.name), io)
    .description(spec.summary)
    .version(`${spec.name} ${spec.version}`, "--version", "print the version")
    .addHelpText("after", examplesText(spec.examples));
  // Shown here; `helpLine` answers it.
  program.helpCommand("help [command]", "print this, or what a command does");
  for (const flag of spec.flags) program.addOption(optionOf(flag));
  const add = (parent: Command, command: CommandSpec, name: string, isUnnamed = false): void => {
    const sub = subcommand(parent, command, command.examples, command.details, io, isUnnamed);
    for (const [word, description] of command.args ?? []) sub.argument(word, description);
    for (const flag of command.flags ?? []) sub.addOption(optionOf(flag));
    sub.action(async () => {
      const input = inputOf(sub.args, sub.optsWithGlobals<Record<string, unknown>>(), io);
      checkRequired(command, input, name);
      const { run } = await command.load();
      exit = (await run(input)) ?? EXIT.done;
    });
  };
  for (const command of spec.commands) {
    if (!("commands" in command)) add(program, command, `${spec.name} ${command.name}`);
    else {
      const examples = command.commands.flatMap((inner) => inner.examples.slice(0, 1));
      const group = subcommand(program, command, examples, undefined, io);
      for (const inner of command.commands) {
        const isUnnamed = inner.name === command.unnamed;
        add(group, inner, `${spec.name} ${command.name} ${inner.name}`, isUnnamed);
      }
    }
  }
  try {
    await program.parseAsync(helpLine(spec, argv), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    if (error.code === "commander.help") return EXIT.usage; // no command: the help was printed
    throw await wordError(error, spec.name, argv, spec.commands);
  }
  return exit;
}

/** `help builders log` is `builders log --help`; a word too many is left for commander, which says that it is not known. */
function helpLine({ commands }: ProgramSpec, argv: readonly string[]): string[] {
  const [word, name, ...rest] = argv;
  if (word !== "help") return [...argv];
  const found = commands.find((command) => command.name === name);
  if (name === undefined || name.startsWith("-")) return ["--help"];
  if (found === undefined) return [name];
  const inner = "commands" in found && found.commands.some((command) => command.name === rest[0]) ? rest[0] : undefined;
  return [name, ...(inner === undefined ? [] : [inner]), "--help"];
}

function base(command: Command, io: Io): Command {
  return command
    .exitOverride()
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, "")),
      // Errors come out as thrown; what is left is the help that follows a missing command.
      writeErr: (text) => io.note(text.replace(/\n$/, "")),
      outputError: () => undefined,
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function subcommand(
  parent: Command,
  { name, summary }: CommandSpec | CommandGroup,
  examples: readonly string[],
  details: string | undefined,
  io: Io,
  isUnnamed = false,
): Command {
  return (
    base(parent.command(name, { isDefault: isUnnamed }), io)
      .summary(summary)
      // Lines of the source are no lines of the help, which has a width of its own.
      .description(`${capital(summary)}.${details === undefined ? "" : `\n\n${details.replaceAll("\n", " ")}`}`)
      .addHelpText("after", examplesText(examples))
      .configureHelp({ showGlobalOptions: true })
  );
}

function optionOf({ words, description, required }: FlagSpec): Option {
  return new Option(words, required === true ? `${description} (required)` : description);
}

/** Checked here and not by commander, which would name a missing flag before the misspelt one that was meant. */
function checkRequired({ flags = [] }: CommandSpec, input: CommandInput, name: string): void {
  for (const { words, required } of flags) {
    const flag = words.replace(/^--([\w-]+).*$/, "$1");
    if (required === true && input.text(flag) === undefined) {
      throw usageError(`${words} is missing`, `see \`${name} --help\``);
    }
  }
}

/** `error: unknown option '--kee'\n(Did you mean --key?)` in our voice. */
async function wordError(
  error: CommanderError,
  name: string,
  argv: readonly string[],
  commands: ProgramSpec["commands"],
): Promise<CliError> {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = await nearOf(
    first,
    /\(Did you mean (?:one of )?(.*)\?\)/.exec(rest.join(" "))?.[1]?.split(", ") ?? [],
  );
  const command = commands.find((known) => argv.includes(known.name));
  const inner = command !== undefined && "commands" in command ? command.commands : [];
  const nested = inner.find((known) => argv.includes(known.name));
  // Of a group that has a command for no word, a misspelt word is an argument too many.
  if (error.code === "commander.excessArguments" && inner.length > 0 && nested === undefined) {
    const names = inner.map((known) => known.name).join(", ");
    return usageError(
      `unknown command '${/: (.*?)(?:, .*|\.)$/.exec(first)?.[1]}'`,
      `${name} ${command?.name} has ${names}`,
    );
  }
  const help = [name, command?.name, nested?.name, "--help"].filter((word) => word !== undefined).join(" ");
  return usageError(first, suggestion === undefined ? `see \`${help}\`` : `did you mean ${suggestion}?`);
}

/** Of commander's guesses those that are a slip away: at most one for three letters. */
async function nearOf(message: string, guesses: readonly string[]): Promise<string | undefined> {
  const word = /'(.*)'/.exec(message)?.[1]?.replace(/^--/, "") ?? "";
  const { slips } = await import("@trustix/node/nearest");
  const near = guesses.filter((guess) => {
    const known = guess.replace(/^--/, "");
    return 3 * slips(word, known) <= Math.max(word.length, known.length);
  });
  if (near.length < 2) return near[0];
  return `${near.slice(0, -1).join(", ")} or ${near.at(-1)}`;
}

function examplesText(examples: readonly string[]): string {
  return `\nExample${examples.length === 1 ? "" : "s"}:\n${examples.map((line) => `  ${line}`).join("\n")}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function inputOf(args: readonly string[], options: Readonly<Record<string, unknown>>, io: Io): CommandInput {
  const value = (flag: string): unknown =>
    options[flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  const text = (flag: string): string | undefined => {
    const found = value(flag);
    return typeof found === "string" ? found : undefined;
  };
  return {
    args,
    io,
    text,
    needed(flag) {
      const found = text(flag);
      if (found === undefined) throw usageError(`--${flag} is missing`);
      return found;
    },
    list: (flag) => (Array.isArray(value(flag)) ? (value(flag) as string[]) : []),
    on: (flag) => value(flag) === true,
    number(flag) {
      const found = text(flag);
      if (found === undefined) return undefined;
      const number = Number(found);
      if (!/^\d+(\.\d+)?$/.test(found) || number <= 0 || number > 1e9) {
        throw usageError(`--${flag}: ${JSON.stringify(found)} came, a positive number wanted`);
      }
      return number;
    },
  };
}
