/** Any error to what a person reads and a script tests: message, hint, exit code. */
import { CliError, EXIT } from "./cli-error.ts";

export interface Explained {
  readonly message: string;
  readonly hint: string | undefined;
  readonly exit: number;
  /** Neither the user's fault nor the network's: worth a stack trace. */
  readonly bug: boolean;
}

/**
 * Errors are told apart by name, not by class: importing the packages that throw them would cost every command
 * what only some need.
 */
export async function explainError(error: unknown, hintFor: (code: string) => string | undefined): Promise<Explained> {
  const explained = await explain(error, hintFor);
  if (explained.hint !== undefined || !isOfFile(error)) return explained;
  const { hintIfRefused } = await import("@trustix/node");
  return { ...explained, hint: await hintIfRefused(error) };
}

/** Whether the system's refusal of a file may be behind it: only then is the node's package loaded to say what to do. */
function isOfFile(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ("syscall" in at && "path" in at) return true;
  return false;
}

async function explain(error: unknown, hintFor: (code: string) => string | undefined): Promise<Explained> {
  if (error instanceof CliError) return { message: error.message, hint: error.hint, exit: error.exit, bug: false };
  if (!(error instanceof Error)) return { message: String(error), hint: undefined, exit: EXIT.failed, bug: true };
  const code = "code" in error ? String(error.code) : "";
  switch (error.name) {
    case "NodeError": {
      const { ERROR_CODES } = await import("@trustix/node");
      const exit = Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES].exit : EXIT.failed;
      const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
      return { message: error.message, hint, exit, bug: false };
    }
    case "RpcError": {
      const [message, hint] = splitHint(error.message);
      const said = "origin" in error && error.origin === "server" ? `${message} (${code})` : message;
      return { message: said, hint: hint ?? hintFor(code), exit: RPC_EXITS[code] ?? EXIT.failed, bug: false };
    }
    // Bytes that do not parse or check: a key file here, or what a node answered.
    case "ProtocolError":
    case "TextFormError":
    case "RemoteUrlError":
    case "AddressError":
    case "NixFormatError":
      return { message: error.message, hint: undefined, exit: EXIT.usage, bug: false };
    case "VerifyError":
    case "ProofError":
      return { message: error.message, hint: undefined, exit: EXIT.refused, bug: false };
    case "StorageError": {
      const hint = code === "locked" ? "end that process first" : undefined;
      return { message: error.message, hint, exit: EXIT.failed, bug: false };
    }
    case "SpoolError": {
      const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
      return { message: error.message, hint, exit: EXIT.failed, bug: false };
    }
  }
  if ("syscall" in error) return { message: error.message, hint: undefined, exit: EXIT.failed, bug: false };
  return { message: error.message, hint: undefined, exit: EXIT.failed, bug: true };
}

const RPC_EXITS: Readonly<Record<string, number>> = {
  invalid_argument: EXIT.usage,
  data_loss: EXIT.refused,
};

/** The server puts what to do on a line of its own. */
function splitHint(text: string): [message: string, hint: string | undefined] {
  const at = text.indexOf("\nhint: ");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 7)];
}
