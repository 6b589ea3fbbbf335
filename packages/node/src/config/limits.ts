/**
 * What the node takes from outside at most. Every number bounds something a stranger chooses; the defaults suit a public
 * log on a small machine. The server, the publisher and the readers get one `Limits` as an argument.
 */
export interface Limits {
  /** Bytes of a request's body, after decompression. */
  readonly messageBytes: number;
  /** Bytes of an answer's body, before compression. */
  readonly answerBytes: number;
  /** Bytes of all request headers together. */
  readonly headerBytes: number;
  /** Bytes of one submitted value. */
  readonly valueBytes: number;
  /** Items of one Submit call. */
  readonly submitItems: number;
  /** Accepted items that wait for a flush; more are refused until some are in the log. */
  readonly waitingItems: number;
  /** Leaves in one answer. Existing clients use up to 1000. */
  readonly entries: number;
  /** Digests in one GetValues call. */
  readonly values: number;
  /** Bytes that copies of logs leave free on the disk of the state folder. */
  readonly freeBytes: number;
  /** Signed calls that are remembered, so that none is made twice; more within ten minutes are refused. */
  readonly signedCalls: number;
  /** Calls being answered at once, over all listeners. */
  readonly calls: number;
  /** Open connections of one listener. */
  readonly connections: number;
  /** Streams of one HTTP/2 connection. */
  readonly streams: number;
  /** Milliseconds for a call, its answer included. */
  readonly callMs: number;
  /** Milliseconds until the request's headers are there. */
  readonly headerMs: number;
  /** Milliseconds until the request's body is there. */
  readonly bodyMs: number;
  /** Milliseconds a connection may be idle between calls. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  messageBytes: 16 << 20,
  answerBytes: 16 << 20,
  headerBytes: 16 << 10,
  valueBytes: 1 << 20,
  submitItems: 10_000,
  waitingItems: 1_000_000,
  entries: 10_000,
  values: 1000,
  freeBytes: 1 << 30,
  signedCalls: 100_000,
  calls: 1000,
  connections: 2000,
  streams: 100,
  callMs: 30_000,
  headerMs: 10_000,
  bodyMs: 20_000,
  idleMs: 75_000,
};
