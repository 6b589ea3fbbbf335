/**
 * What a command is: words, flags and examples (cheap, for `--help`), and its action (loaded only when it is run, so that
 * `--help` does not pay for the daemon).
 */

export interface CommandSpec {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** More, for its own help. */
  readonly details?: string;
  /** `[path]`, `<path...>`: as commander writes them, with a description each. */
  readonly args?: readonly (readonly [word: string, description: string])[];
  readonly flags?: readonly FlagSpec[];
  /** At least one line that works when it is pasted. */
  readonly examples: readonly string[];
  load(): Promise<{ readonly run: Action }>;
}

/** Commands under one word: `policy check` is the command `check` of the group `policy`. */
export interface CommandGroup {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
  /** The name of the one that is run when none is named; otherwise the help is printed. */
  readonly unnamed?: string;
}

export interface FlagSpec {
  /** `--key <hex>`, `--json`, `--listen <url...>`. */
  readonly words: string;
  readonly description: string;
  readonly required?: boolean;
}

/** Resolves to an exit code, 0 when undefined. Throws what `explain-error.ts` can explain. */
export type Action = (input: CommandInput) => Promise<number | void>;

/** The outside world of a command. */
export interface Io {
  /** A result: stdout, with a newline. */
  out(line: string): void;
  /** Raw result bytes: stdout. */
  outBytes(bytes: Uint8Array): void;
  /** Everything else: stderr, with a newline. */
  note(line: string): void;
  /** A line that the next one overwrites; nothing unless a person watches. */
  progress(line: string): void;
  /** Ends with an error when `signal` is aborted. */
  stdin(): AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly uid: number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** What SIGHUP does from now on; otherwise it ends the process. */
  onHangup(call: () => void): void;
  /** Whether stdout is a terminal. */
  readonly terminal: boolean;
  /** Whether somebody sees what `progress` shows. */
  readonly watched: boolean;
  /** Milliseconds since 1970. */
  now(): number;
}

/** How a command was called. The readers throw `CliError` (exit 2) for what does not fit. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly io: Io;
  /** A flag's text; `undefined` if not given. */
  text(flag: string): string | undefined;
  /** A required flag's text. */
  needed(flag: string): string;
  list(flag: string): readonly string[];
  on(flag: string): boolean;
  /** A positive number. */
  number(flag: string): number | undefined;
}
