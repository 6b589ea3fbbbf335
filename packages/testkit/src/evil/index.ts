/** Development only. A log server that lies on purpose, one switch for each attack, and what it is made of. */
export { type Attack, BACKDOOR, type EvilCall, GOOD } from "./attack.ts";
export { type AttackName, ATTACKS } from "./attacks.ts";
export { NASTY_TEXT } from "./error-lies.ts";
export {
  type EvilHttp,
  type Exchange,
  type HttpReply,
  type HttpRequest,
  type Send,
  startEvilHttp,
} from "./evil-http.ts";
export { type EvilLog, startEvilLog } from "./evil-log.ts";
export { SIGNED_LIES } from "./signed-lies.ts";
export { twinOf } from "./twin.ts";
export { WIRE_LIES } from "./wire-lies.ts";
