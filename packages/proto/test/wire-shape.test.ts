import { create, fromBinary, isFieldSet, toBinary, toJson, type DescMessage } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  file_trustix_api_v1_api,
  file_trustix_ext_v1_ext,
  file_trustix_ext_v1_vote,
  file_trustix_rpc_v1_rpc,
  file_trustix_schema_v1_schema,
  LogHeadSchema,
  LogLeafSchema,
  LogsResponseSchema,
  LogSigner_KeyTypes,
  NodeAPI,
} from "../src/index.ts";

/** `number Name type presence` of every field, nested messages by name: the wire contract in a form one can read. */
function shape(message: DescMessage): string[] {
  return message.fields.map((field) => {
    const type =
      field.fieldKind === "message"
        ? field.message.typeName
        : field.fieldKind === "enum"
          ? field.enum.typeName
          : field.fieldKind === "scalar"
            ? SCALARS[field.scalar]
            : field.fieldKind === "list"
              ? field.listKind === "scalar"
                ? SCALARS[field.scalar]
                : field.listKind === "message"
                  ? field.message.typeName
                  : "enum"
              : "map<string,string>";
    const presence =
      field.fieldKind === "list" || field.fieldKind === "map"
        ? "repeated"
        : field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED
          ? "required"
          : "optional";
    expect(field.jsonName).toBe(field.name);
    return `${field.number} ${field.name} ${type} ${presence}`;
  });
}
const SCALARS: Record<number, string> = { 4: "u64", 5: "i32", 9: "string", 12: "bytes" };

const EXISTING: Record<string, string[]> = {
  "trustix_schema.v1.LogHead": [
    "1 LogRoot bytes required",
    "2 TreeSize u64 required",
    "3 MapRoot bytes required",
    "4 MHRoot bytes required",
    "5 MHTreeSize u64 required",
    "6 Signature bytes required",
  ],
  "trustix_schema.v1.LogLeaf": ["1 Key bytes optional", "2 ValueDigest bytes optional", "3 LeafDigest bytes required"],
  "trustix_schema.v1.MapEntry": ["1 Digest bytes required", "2 Index u64 required"],
  "trustix_api.v1.LogHeadRequest": ["1 LogID string required"],
  "trustix_api.v1.GetLogConsistencyProofRequest": [
    "1 LogID string required",
    "2 FirstSize u64 required",
    "3 SecondSize u64 required",
  ],
  "trustix_api.v1.GetLogAuditProofRequest": [
    "1 LogID string required",
    "2 Index u64 required",
    "3 TreeSize u64 required",
  ],
  "trustix_api.v1.ProofResponse": ["1 Proof bytes repeated"],
  "trustix_api.v1.GetLogEntriesRequest": ["1 LogID string required", "2 Start u64 required", "3 Finish u64 required"],
  "trustix_api.v1.LogEntriesResponse": ["1 Leaves trustix_schema.v1.LogLeaf repeated"],
  "trustix_api.v1.GetMapValueRequest": [
    "1 LogID string required",
    "2 Key bytes required",
    "3 MapRoot bytes required",
    "100 TreeSize u64 optional",
  ],
  "trustix_api.v1.SparseCompactMerkleProof": [
    "1 SideNodes bytes repeated",
    "2 NonMembershipLeafData bytes optional",
    "3 BitMask bytes required",
    "4 NumSideNodes u64 required",
  ],
  "trustix_api.v1.MapValueResponse": [
    "1 Value bytes required",
    "2 Proof trustix_api.v1.SparseCompactMerkleProof required",
    "100 LogProof bytes repeated",
  ],
  "trustix_api.v1.KeyValuePair": ["1 Key bytes required", "2 Value bytes required"],
  "trustix_api.v1.ValueRequest": ["1 Digest bytes required"],
  "trustix_api.v1.ValueResponse": ["1 Value bytes required"],
  "trustix_api.v1.LogsRequest": ["1 Protocols string repeated"],
  "trustix_api.v1.LogSigner": ["1 KeyType trustix_api.v1.LogSigner.KeyTypes required", "2 Public string required"],
  "trustix_api.v1.Log": [
    "1 LogID string required",
    "2 Mode trustix_api.v1.Log.LogModes required",
    "3 Protocol string required",
    "4 Signer trustix_api.v1.LogSigner required",
    "5 Meta map<string,string> repeated",
  ],
  "trustix_api.v1.LogsResponse": ["1 Logs trustix_api.v1.Log repeated"],
  "trustix_rpc.v1.DecideRequest": ["1 Key bytes required", "2 Protocol string required"],
  "trustix_rpc.v1.LogValueResponse": ["1 LogID string required", "2 Digest bytes required"],
  "trustix_rpc.v1.LogValueDecision": [
    "1 LogIDs string repeated",
    "2 Digest bytes required",
    "3 Confidence i32 required",
    "4 Value bytes required",
  ],
  "trustix_rpc.v1.DecisionResponse": [
    "1 Decision trustix_rpc.v1.LogValueDecision required",
    "2 Mismatches trustix_rpc.v1.LogValueResponse repeated",
    "3 Misses string repeated",
    "100 Votes trustix_ext.v1.Vote repeated",
  ],
  "trustix_rpc.v1.SubmitRequest": ["1 LogID string required", "2 Items trustix_api.v1.KeyValuePair repeated"],
  "trustix_rpc.v1.SubmitResponse": [
    "1 status trustix_rpc.v1.SubmitResponse.Status required",
    "100 Refused bytes repeated",
  ],
  "trustix_rpc.v1.FlushRequest": ["1 LogID string required"],
  "trustix_rpc.v1.FlushResponse": [],
};

const SERVICES: Record<string, string[]> = {
  "trustix_api.v1.NodeAPI": ["Logs LogsRequest LogsResponse", "GetValue ValueRequest ValueResponse"],
  "trustix_api.v1.LogAPI": [
    "GetHead LogHeadRequest LogHead",
    "GetLogConsistencyProof GetLogConsistencyProofRequest ProofResponse",
    "GetLogAuditProof GetLogAuditProofRequest ProofResponse",
    "GetLogEntries GetLogEntriesRequest LogEntriesResponse",
    "GetMapValue GetMapValueRequest MapValueResponse",
    "GetMHLogConsistencyProof GetLogConsistencyProofRequest ProofResponse",
    "GetMHLogAuditProof GetLogAuditProofRequest ProofResponse",
    "GetMHLogEntries GetLogEntriesRequest LogEntriesResponse",
  ],
  "trustix_rpc.v1.RPCApi": [
    "Logs LogsRequest LogsResponse",
    "Decide DecideRequest DecisionResponse",
    "GetValue ValueRequest ValueResponse",
  ],
  "trustix_rpc.v1.LogRPC": [
    "GetHead LogHeadRequest LogHead",
    "GetLogEntries GetLogEntriesRequest LogEntriesResponse",
    "Submit SubmitRequest SubmitResponse",
    "Flush FlushRequest FlushResponse",
  ],
};

const EXISTING_FILES = [file_trustix_schema_v1_schema, file_trustix_api_v1_api, file_trustix_rpc_v1_rpc];

describe("the existing protocol", () => {
  test("has exactly its messages, with its names, numbers, types and required fields", () => {
    const got = Object.fromEntries(
      EXISTING_FILES.flatMap((file) => file.messages.map((message) => [message.typeName, shape(message)])),
    );
    expect(got).toEqual(EXISTING);
  });

  test("has exactly its services and methods, all unary", () => {
    const got = Object.fromEntries(
      EXISTING_FILES.flatMap((file) =>
        file.services.map((service) => [
          service.typeName,
          service.methods.map((method) => {
            expect(method.methodKind).toBe("unary");
            return `${method.name} ${method.input.name} ${method.output.name}`;
          }),
        ]),
      ),
    );
    expect(got).toEqual(SERVICES);
  });
});

test("additions of ours live in their own package and their fields are all optional", () => {
  for (const file of [file_trustix_ext_v1_vote, file_trustix_ext_v1_ext]) {
    expect(file.proto.package).toBe("trustix_ext.v1");
    for (const message of file.messages) for (const line of shape(message)) expect(line).not.toMatch(/required$/);
  }
});

test("a required field at its zero value is written; one that is not set refuses to encode", () => {
  const zero = new Uint8Array(0);
  const head = create(LogHeadSchema, {
    LogRoot: zero,
    TreeSize: 0n,
    MapRoot: zero,
    MHRoot: zero,
    MHTreeSize: 0n,
    Signature: zero,
  });
  expect(Buffer.from(toBinary(LogHeadSchema, head)).toString("hex")).toBe("0a0010001a00220028003200");
  expect(() => toBinary(LogLeafSchema, create(LogLeafSchema, { Key: zero }))).toThrow(/LeafDigest/);
});

test("an absent optional field is told apart from an empty one", () => {
  const leaf = fromBinary(LogLeafSchema, Uint8Array.of(0x0a, 0, 0x1a, 0));
  expect(isFieldSet(leaf, LogLeafSchema.field.Key!)).toBe(true);
  expect(isFieldSet(leaf, LogLeafSchema.field.ValueDigest!)).toBe(false);
});

test("JSON shows the field names as they are, 64-bit numbers as strings, bytes as base64", () => {
  const json = toJson(
    LogsResponseSchema,
    create(LogsResponseSchema, {
      Logs: [{ LogID: "ab", Mode: 0, Protocol: "p", Signer: { KeyType: LogSigner_KeyTypes.ed25519, Public: "AA==" } }],
    }),
  );
  expect(json).toEqual({
    Logs: [{ LogID: "ab", Mode: "Log", Protocol: "p", Signer: { KeyType: "ed25519", Public: "AA==" } }],
  });
  expect(NodeAPI.method.getValue.name).toBe("GetValue");
});
