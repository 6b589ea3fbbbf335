/** Claims to a node's log over its RPC, as the spool and the closure want them handed over. */
import type { RpcError } from "@trustix/client";
import type { Submit } from "@trustix/nix";
import { LogRPC } from "@trustix/proto";
import type { Connection } from "./connect.ts";

/** `findLog` is asked when there is something to submit, so that a node that is down at start is only an outage. */
export function submitter(findLog: () => Promise<string>, call: Connection["call"]): Submit {
  let log: Promise<string> | undefined;
  return async (claims, signal) => {
    log ??= findLog();
    const LogID = await log.catch((error: unknown) => {
      log = undefined;
      throw error;
    });
    const Items = claims.map(({ key, value }) => ({ Key: key, Value: value }));
    try {
      const { Refused } = await call(LogRPC.method.submit, { LogID, Items }, signal);
      return { state: "accepted", refused: Refused };
    } catch (error) {
      const why = whyNever(error);
      if (why === undefined) throw error;
      return { state: "invalid", why };
    }
  };
}

/** Why the node will never take these items; `undefined` for what may be better next time. */
function whyNever(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "RpcError") return undefined;
  const { code, origin, message } = error as RpcError;
  if (origin !== "server") return undefined;
  return code === "invalid_argument" || code === "resource_exhausted" ? message : undefined;
}
