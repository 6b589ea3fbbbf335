/** Binary caches that vote: what is kept of them. Asking them is packages/nix's business. */
export { localLogInfo, type LocalLog } from "./local-log.ts";
export { openVoices, type StoredVoices, type VoicesOptions } from "./stored-voices.ts";
