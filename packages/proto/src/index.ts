/**
 * L0. The messages and services of the wire, generated from `proto/` by `generate.sh`. Nothing here is hand-written:
 * checks of required fields, limits and domain types are in `@trustix/protocol`.
 *
 * Names, numbers and required fields of `trustix_schema.v1`, `trustix_api.v1` and `trustix_rpc.v1` are those of the
 * existing Trustix protocol; `trustix_ext.v1` and fields from 100 are additions that existing peers ignore.
 *
 * @example
 * const request = create(LogHeadRequestSchema, { LogID: id });
 * const bytes = toBinary(LogHeadRequestSchema, request); // throws if a required field is not set
 */
export * from "./gen/trustix_schema/v1/schema_pb.js";
export * from "./gen/trustix_api/v1/api_pb.js";
export * from "./gen/trustix_rpc/v1/rpc_pb.js";
export * from "./gen/trustix_ext/v1/vote_pb.js";
export * from "./gen/trustix_ext/v1/ext_pb.js";
