/**
 * A remote in memory: serves fake logs through an `RpcTransport` whose messages go through real bytes both ways. It can
 * be down, slow, a liar, or answer as the existing program's server does.
 */
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CallOptions, RpcTransport } from "@trustix/client";
import { RpcError } from "@trustix/client";
import { equalBytes } from "@trustix/crypto";
import {
  LogAPI,
  LogExt,
  MapValueResponseSchema,
  NodeAPI,
  NodeExt,
  ProofResponseSchema,
  SeenHeadsResponseSchema,
  ValueResponseSchema,
} from "@trustix/proto";
import { FoundValueSchema, GetValuesResponseSchema } from "@trustix/proto";
import type { GetMapValueRequest, MapValueResponse } from "@trustix/proto";
import { LogEntriesResponseSchema } from "@trustix/proto";
import { decode, encode, headToWire, leafToWire, mapProofToWire } from "@trustix/protocol";
import type { LogHead } from "@trustix/protocol";
import type { FakeLog, FakeTree } from "./fake-log.ts";

/** May answer in the server's place, change the answer, or throw an `RpcError`. */
export type Tamper = (procedure: string, answer: () => Uint8Array, request: Uint8Array) => Uint8Array;

export class FakeNode {
  readonly url: string;
  /** By log id. */
  readonly logs = new Map<string, FakeLog>();
  /** What it tells peers, by log id. */
  readonly seen = new Map<string, { readonly heads: readonly LogHead[]; readonly evidence?: readonly Uint8Array[] }>();
  /** Methods called, in order. */
  readonly calls: string[] = [];
  /** Why it cannot be reached; `undefined`: it can. */
  down: string | undefined;
  /** Never answers, not even that it took too long. */
  hangs = false;
  /** Like the existing program: errors are `unknown`, absence is not proved, only the newest map root is held. */
  goLike = false;
  tamper: Tamper = (_procedure, answer) => answer();

  constructor(url: string, ...logs: readonly FakeLog[]) {
    this.url = url;
    for (const log of logs) this.logs.set(log.info.id, log);
  }

  transport(): RpcTransport {
    return {
      url: this.url,
      unary: (method, input, options) => this.#unary(method, input, options),
      close: () => Promise.resolve(),
    };
  }

  /** The bytes of a `GetHead` answer. */
  head(logId: string): Uint8Array {
    return encode(LogAPI.method.getHead.output, headToWire(this.logs.get(logId)!.head()));
  }

  async #unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const request = toBinary(method.input, create(method.input, input));
    this.calls.push(method.name);
    await (this.hangs ? silence(options) : Promise.resolve());
    if (options.signal?.aborted === true) throw canceled();
    if (this.down !== undefined) throw new RpcError("unavailable", this.down, { origin: "network" });
    return decode(method.output, this.answer(method, request), 16 << 20);
  }

  /** Answers a call as bytes. Throws `RpcError`. */
  answer(method: DescMethodUnary, request: Uint8Array): Uint8Array {
    return this.tamper(method.name, () => this.#answer(method.name, method.input, request), request);
  }

  #answer(name: string, schema: DescMessage, request: Uint8Array): Uint8Array {
    const message = fromBinary(schema, request) as unknown as Record<string, unknown>;
    if (name === NodeAPI.method.getValue.name) return this.#value(message["Digest"] as Uint8Array);
    if (name === LogExt.method.getValues.name) return this.#values(message["Digests"] as Uint8Array[]);
    if (name === NodeExt.method.seenHeads.name) return this.#seenHeads(message["LogID"] as string);
    const log = this.logs.get(message["LogID"] as string);
    if (log === undefined) throw this.#error("not_found", `Log with ID '${String(message["LogID"])}' is not published`);
    switch (name) {
      case LogAPI.method.getHead.name:
        return this.head(log.info.id);
      case LogAPI.method.getLogConsistencyProof.name:
        return this.#consistency(log.tree, message);
      case LogAPI.method.getMHLogConsistencyProof.name:
        return this.#consistency(log.mapHeads, message);
      case LogAPI.method.getLogEntries.name:
        return this.#leaves(log, message, false);
      case LogAPI.method.getMHLogEntries.name:
        return this.#leaves(log, message, true);
      case LogAPI.method.getMapValue.name:
        return encode(MapValueResponseSchema, this.#mapValue(log, message as unknown as GetMapValueRequest));
      default:
        throw this.#error("unimplemented", `no method ${name}`);
    }
  }

  #consistency(tree: FakeTree, message: Record<string, unknown>): Uint8Array {
    const [first, second] = [Number(message["FirstSize"]), Number(message["SecondSize"])];
    const empty = first > second || second > tree.leaves.length;
    if (empty && !this.goLike) throw this.#error("invalid_argument", "no such sizes");
    const Proof = empty ? [] : tree.consistency(first, second);
    return encode(ProofResponseSchema, create(ProofResponseSchema, { Proof }));
  }

  #leaves(log: FakeLog, message: Record<string, unknown>, mapHeads: boolean): Uint8Array {
    const [start, end] = [Number(message["Start"]), Number(message["Finish"]) + 1];
    const leaves = mapHeads
      ? log.mapHeads.leaves.map((leafDigest) => ({ key: undefined, valueDigest: undefined, leafDigest }))
      : log.entries.map(({ key, digest, leaf }) => ({ key, valueDigest: digest, leafDigest: leaf }));
    const Leaves = leaves.slice(start, end).map(leafToWire);
    return encode(LogEntriesResponseSchema, create(LogEntriesResponseSchema, { Leaves }));
  }

  #mapValue(log: FakeLog, { Key, MapRoot, TreeSize }: GetMapValueRequest): MapValueResponse {
    const size = log.sizeAt(MapRoot);
    if (this.goLike) {
      const current = log.find(Key, log.entries.length);
      if (current === undefined) throw this.#error("unknown", "Map value not found");
      if (!equalBytes(MapRoot, log.head().mapRoot)) {
        throw this.#error("unknown", "error retreiving object with key '[7 7]': could not find object");
      }
    }
    if (size === undefined) throw this.#error("failed_precondition", "this map root is not held");
    const entry = log.find(Key, size);
    const Value = log.entryBytes(Key, size);
    const message = create(MapValueResponseSchema, {
      Value: Value ?? new Uint8Array(0),
      Proof: mapProofToWire(log.mapProof(Key, size)),
      LogProof: entry === undefined || this.goLike ? [] : log.tree.audit(log.entries.indexOf(entry), Number(TreeSize)),
    });
    if (Value !== undefined) return message;
    const value = encode(MapValueResponseSchema, message);
    const details = [{ type: MapValueResponseSchema.typeName, value }];
    throw new RpcError("not_found", "the key is absent", { origin: "server", details });
  }

  #seenHeads(logId: string): Uint8Array {
    const seen = this.seen.get(logId);
    if (seen === undefined) throw this.#error("not_found", "this node has seen nothing of it");
    const message = { Heads: seen.heads.map(headToWire), Evidence: [...(seen.evidence ?? [])] };
    return encode(SeenHeadsResponseSchema, create(SeenHeadsResponseSchema, message));
  }

  #value(digest: Uint8Array): Uint8Array {
    const Value = this.#find(digest);
    if (Value === undefined) throw this.#error("not_found", "no such value");
    return encode(ValueResponseSchema, create(ValueResponseSchema, { Value }));
  }

  #values(digests: readonly Uint8Array[]): Uint8Array {
    if (this.goLike) throw new RpcError("unimplemented", "no such service", { origin: "server" });
    const Values = digests.flatMap((Digest) => {
      const Value = this.#find(Digest);
      return Value === undefined ? [] : [create(FoundValueSchema, { Digest, Value })];
    });
    return encode(GetValuesResponseSchema, create(GetValuesResponseSchema, { Values }));
  }

  #find(digest: Uint8Array): Uint8Array | undefined {
    for (const log of this.logs.values()) {
      const found = log.valueOf(digest);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #error(code: RpcError["code"], message: string): RpcError {
    return new RpcError(this.goLike ? "unknown" : code, message, { origin: "server" });
  }
}

/** Never resolves; rejects when the call is given up. It has no clock: who wants a timeout aborts. */
function silence(options: CallOptions): Promise<never> {
  return new Promise((_resolve, reject) => {
    options.signal?.addEventListener("abort", () => reject(canceled()));
  });
}

function canceled(): RpcError {
  return new RpcError("canceled", "the call was canceled", { origin: "network" });
}
