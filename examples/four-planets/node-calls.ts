/** The questions that the story and the tests ask a node, over its socket. */
import { httpTransport, RpcError } from "@trustix/client";
import { utf8 } from "@trustix/crypto";
import { NodeExt, RPCApi, UndecidedSchema } from "@trustix/proto";
import type { BuildersResponse, StatusResponse } from "@trustix/proto";
import { NIX, parseNixValue, undecidedFromWire, voteFromWire } from "@trustix/protocol";
import type { NixValue, Vote } from "@trustix/protocol";

export interface Verdict {
  /** `undefined`: undecided, see `reason`. */
  readonly decided: { readonly value: NixValue; readonly confidence: number } | undefined;
  readonly votes: readonly Vote[];
  readonly reason: string;
}

export interface NodeCalls {
  status(): Promise<StatusResponse>;
  builders(): Promise<BuildersResponse>;
  decide(storePath: string): Promise<Verdict>;
  /** What a value says, published or copied; `undefined` when the node does not have it. */
  value(digest: Uint8Array): Promise<NixValue | undefined>;
  close(): Promise<void>;
}

export function callsTo(url: string): NodeCalls {
  const transport = httpTransport(url);
  return {
    status: () => transport.unary(NodeExt.method.status, {}, { timeoutMs: 2000 }),
    builders: () => transport.unary(NodeExt.method.builders, {}, { timeoutMs: 2000 }),
    async decide(storePath) {
      try {
        const { Decision, Votes } = await transport.unary(RPCApi.method.decide, {
          Key: utf8(storePath),
          Protocol: NIX.id,
        });
        const value = parseNixValue(Decision!.Value);
        return { decided: { value, confidence: Decision!.Confidence }, votes: Votes.map(voteFromWire), reason: "" };
      } catch (error) {
        const detail = error instanceof RpcError ? error.detail(UndecidedSchema) : undefined;
        if (detail === undefined) throw error;
        return { decided: undefined, ...undecidedFromWire(detail) };
      }
    },
    async value(digest) {
      try {
        return parseNixValue((await transport.unary(RPCApi.method.getValue, { Digest: digest })).Value);
      } catch (error) {
        if (error instanceof RpcError && error.code === "not_found") return undefined;
        throw error;
      }
    },
    close: () => transport.close(),
  };
}
