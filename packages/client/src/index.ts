export type { CallOptions, RpcTransport } from "./transport.ts";
export { httpTransport, type HttpTransportOptions } from "./http-transport.ts";
export { parseRemoteUrl, RemoteUrlError, type RemoteAddress } from "./remote-url.ts";
export { RPC_CODES, RpcError, type RpcCode, type RpcErrorDetail, type RpcErrorOrigin } from "./rpc-error.ts";
export { checkSocketOwner, type SocketOwners } from "./socket-owner.ts";
