/**
 * What a log's keys and values can mean. A protocol has an id (a UUID, on the wire) and a name (for people);
 * configuration, commands and calls accept either, in exactly this spelling.
 */
import { ProtocolError, shown } from "./errors.ts";
import type { Protocol } from "./types.ts";

/** Key: a store path; value: its canonical facts, see `nix-value.ts`. */
export const NIX: Protocol = Object.freeze({ id: "5138a791-8d00-4182-96bc-f1f2688cdde2", name: "nix" });
/** Keys and values are any bytes. */
export const TEST: Protocol = Object.freeze({ id: "cddab738-75cf-4685-94e2-4df58a0f51e7", name: "test" });

export const PROTOCOLS: readonly Protocol[] = Object.freeze([NIX, TEST]);

/** The protocol with this id or name, `undefined` when there is none. */
export function findProtocol(idOrName: string): Protocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.id === idOrName || protocol.name === idOrName);
}

/** The protocol with this id or name. Throws `unknown`, listing those there are. */
export function parseProtocol(idOrName: string): Protocol {
  const found = findProtocol(idOrName);
  if (found !== undefined) return found;
  const known = PROTOCOLS.map((protocol) => `${protocol.name} (${protocol.id})`).join(", ");
  throw new ProtocolError("unknown", `protocol ${shown(idOrName)} is not known; known are ${known}`);
}

/** A protocol as a peer names it: a known one, else one whose name is its id. Throws `malformed` unless it is a UUID. */
export function protocolFromWire(id: string): Protocol {
  const known = PROTOCOLS.find((protocol) => protocol.id === id);
  if (known !== undefined) return known;
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(id)) {
    throw new ProtocolError("malformed", `Protocol: ${shown(id)} came, a lower-case UUID wanted`);
  }
  return { id, name: id };
}
