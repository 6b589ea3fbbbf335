/** A command's own "no": what to print and how to exit. */

export const EXIT = {
  done: 0,
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Something was checked and is not to be trusted; or a definite no of the write rule. Never an outage. */
  refused: 3,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

export class CliError extends Error {
  override name = "CliError";
  readonly exit: number;
  readonly hint: string | undefined;
  constructor(message: string, options: { exit?: number; hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.exit = options.exit ?? EXIT.failed;
    this.hint = options.hint;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { exit: EXIT.usage, ...(hint !== undefined && { hint }) });
}
