/** Errors of calls, told apart without importing their class. */

/** True for the error of a call that failed with this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && error.name === "RpcError" && "code" in error && error.code === code;
}
