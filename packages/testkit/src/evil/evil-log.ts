/**
 * A log's server that lies on purpose: our public services over HTTP, honest until it is switched to attacks. Several may
 * be on at once; each changes what the ones before it made.
 */
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { RpcError } from "@trustix/client";
import { type Crypto, toBase64 } from "@trustix/crypto";
import { LogAPI, LogExt, NodeAPI } from "@trustix/proto";
import type { FakeLog } from "../fake-log.ts";
import { FakeNode } from "../fake-node.ts";
import type { Attack } from "./attack.ts";
import { type AttackName, ATTACKS } from "./attacks.ts";
import { type EvilHttp, type HttpReply, type HttpRequest, startEvilHttp } from "./evil-http.ts";

export interface EvilLog extends EvilHttp {
  /** What is served where no attack says otherwise. */
  readonly node: FakeNode;
  /** Beside those that are on. */
  turnOn(...names: readonly AttackName[]): void;
  /** Shows the honest logs again, and answers for them honestly. */
  turnOff(): void;
}

const METHODS = new Map<string, DescMethodUnary>(
  [LogAPI, NodeAPI, LogExt].flatMap((service) =>
    service.methods.map((method) => [`/${service.typeName}/${method.name}`, method as DescMethodUnary]),
  ),
);

export interface EvilLogOptions {
  readonly crypto: Crypto;
  readonly logs: readonly FakeLog[];
  /** Those whose keys it holds: of these it can show twins. All unless told. */
  readonly owned?: readonly FakeLog[];
}

export async function startEvilLog({ crypto, logs, owned = logs }: EvilLogOptions): Promise<EvilLog> {
  const node = new FakeNode("evil", ...logs);
  const on: Attack[] = [];
  const http = await startEvilHttp((request) => {
    const method = METHODS.get(request.path);
    if (method === undefined) return errorReply(new RpcError("unimplemented", "no such call", { origin: "server" }));
    try {
      const body = on.reduce(
        (honest, { answer }) => {
          if (answer === undefined) return honest;
          return () => answer({ method, request: request.body, crypto, node, honest });
        },
        () => node.answer(method, request.body),
      )();
      return { status: 200, headers: { "content-type": "application/proto" }, body };
    } catch (error) {
      return errorReply(error);
    }
  });
  return Object.assign(http, {
    node,
    turnOn(...names: readonly AttackName[]) {
      for (const name of names) {
        const attack: Attack = ATTACKS[name];
        on.push(attack);
        http.send = attack.send ?? http.send;
        const { twin } = attack;
        if (twin !== undefined) for (const log of owned) node.logs.set(log.info.id, twin(crypto, log));
      }
    },
    turnOff() {
      on.length = 0;
      http.send = undefined;
      for (const log of logs) node.logs.set(log.info.id, log);
    },
  });
}

/** As the Connect protocol writes it. What a lie makes impossible to answer is an error too. */
function errorReply(thrown: unknown): HttpReply {
  const error = thrown instanceof RpcError ? thrown : new RpcError("unknown", String(thrown), { origin: "server" });
  const { code, message, details } = error;
  const json = { code, message, details: details.map(({ type, value }) => ({ type, value: toBase64(value) })) };
  const status = STATUS[code] ?? 500;
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(json)) };
}

const STATUS: Partial<Record<RpcError["code"], number>> = {
  canceled: 499,
  invalid_argument: 400,
  failed_precondition: 400,
  not_found: 404,
  permission_denied: 403,
  resource_exhausted: 429,
  unimplemented: 501,
  unavailable: 503,
};

export type { HttpReply, HttpRequest };
