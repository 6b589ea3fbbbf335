/** How attacks change an answer: as a message, so that what they leave alone stays as it was. */
import { fromBinary, toBinary, type DescMessage, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import { RpcError } from "@trustix/client";
import { LogAPI, MapValueResponseSchema } from "@trustix/proto";
import type { Answer, EvilCall } from "./attack.ts";
import { type Send, sendHonestly } from "./evil-http.ts";

/** Changes the answers of one method; those of others, and errors, stay. */
export function changing<O extends DescMessage>(
  method: DescMethodUnary<DescMessage, O>,
  change: (message: MessageShape<O>, call: EvilCall) => void,
): Answer {
  return (call) => {
    if (call.method.name !== method.name) return call.honest();
    const message = fromBinary(method.output, call.honest());
    change(message, call);
    return toBinary(method.output, message);
  };
}

/** Answers one method, or all of a group, in another way. */
export function instead(methods: readonly DescMethodUnary[], answer: Answer): Answer {
  const names = new Set(methods.map(({ name }) => name));
  return (call) => (names.has(call.method.name) ? answer(call) : call.honest());
}

/** Never answers calls of these methods. */
export function hanging(...methods: readonly DescMethodUnary[]): Send {
  const ends = methods.map(({ name }) => `/${name}`);
  return (exchange) => {
    if (ends.some((end) => exchange.request.path.endsWith(end))) exchange.stall();
    else sendHonestly(exchange);
  };
}

/** What was asked of `GetMapValue`. */
export function askedOfMap(call: EvilCall) {
  return fromBinary(LogAPI.method.getMapValue.input, call.request);
}

/** `not_found` with this as its detail. */
export function absentError(answer: MessageShape<typeof MapValueResponseSchema> | Uint8Array): RpcError {
  const value = answer instanceof Uint8Array ? answer : toBinary(MapValueResponseSchema, answer);
  const details = [{ type: MapValueResponseSchema.typeName, value }];
  return new RpcError("not_found", "the key is absent", { origin: "server", details });
}

/** The bytes with one bit of the byte at `at` turned. */
export function flipped(bytes: Uint8Array, at = 0): Uint8Array {
  return bytes.with(at, bytes[at]! ^ 1);
}
