/** A transport over HTTP whose calls end by a test's clock: real bytes, and time that moves when the test says so. */
import { type CallOptions, DEFAULT_TIMEOUT_MS, httpTransport, RpcError, type RpcTransport } from "@trustix/client";
import type { FakeClock } from "@trustix/testkit";

/** A call that the clock does not end is ended by this, for a test that fails rather than hangs. */
const REAL_MS = 60_000;

export function onClock(url: string, clock: FakeClock, maxAnswerBytes: number): RpcTransport {
  const http = httpTransport(url, { maxAnswerBytes });
  return {
    url,
    async unary(method, input, options: CallOptions = {}) {
      const ms = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const late = new AbortController();
      const timer = clock.after(ms, () => late.abort());
      const signals = [late.signal, ...(options.signal === undefined ? [] : [options.signal])];
      try {
        return await http.unary(method, input, { ...options, signal: AbortSignal.any(signals), timeoutMs: REAL_MS });
      } catch (error) {
        if (!late.signal.aborted) throw error;
        throw new RpcError("deadline_exceeded", `no answer within ${ms} ms`, { origin: "network" });
      } finally {
        timer.cancel();
      }
    },
    close: () => http.close(),
  };
}
