/** How a turn at copying a log ended. */
import type { LogAtRemote, Trouble } from "@trustix/client";
import type { LogHead } from "@trustix/protocol";
import type { Room } from "../free-room.ts";
import type { LieError } from "./mirrored-log.ts";

export type CaughtUp =
  | { readonly kind: "done" }
  /** There is more to do, and others wait. */
  | { readonly kind: "interrupted" }
  /** No place delivered what is missing, or there is no room for it. */
  | { readonly kind: "stuck"; readonly why: string; readonly cause: Trouble["kind"] }
  /** The signed head does not fit its own entries. */
  | { readonly kind: "lie"; readonly head: LogHead; readonly error: LieError; readonly at: LogAtRemote };

/** Nobody lied, so the votes of this log are unreachable rather than unverifiable. */
export async function noRoom(room: Room): Promise<CaughtUp | undefined> {
  const why = await room();
  return why === undefined ? undefined : { kind: "stuck", cause: "unreachable", why };
}
