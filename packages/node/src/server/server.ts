/** The server: all listeners over one gate, and an orderly end. */
import type { Logger } from "pino";
import { Gate } from "./gate.ts";
import { httpHandler } from "./http-handler.ts";
import { listen, type Listener } from "./listener.ts";
import type { ListenerOptions } from "./listener-options.ts";
import type { ServerParts } from "./parts.ts";

/** When the server closes: calls still running after the first are told so, connections still open after both are cut. */
const ANSWER_MS = 3000;
const LEAVE_MS = 1000;

export interface RunningServer {
  /** In the order of the options. */
  readonly urls: readonly string[];
  /**
   * Accepts nothing new, answers what is under way and ends within 4 seconds: a call that is not done after 3 is
   * answered `unavailable`.
   */
  close(): Promise<void>;
}

/** Listens everywhere or nowhere. Throws what the first listener that cannot start throws. */
export async function startServer(
  parts: ServerParts,
  listeners: readonly ListenerOptions[],
  log: Logger,
): Promise<RunningServer> {
  const gate = new Gate(parts, log);
  const open: Listener[] = [];
  try {
    for (const options of listeners) {
      const handler = httpHandler(parts, gate, options);
      open.push(await listen(options.address, parts.limits, { handler, dropped: (url) => gate.metrics.dropped(url) }));
    }
  } catch (error) {
    for (const listener of open) listener.destroy();
    await Promise.all(open.map((listener) => listener.close()));
    throw error;
  }
  for (const [i, { url }] of open.entries()) log.info({ url, private: listeners[i]!.private }, "listening");
  let closing: Promise<void> | undefined;
  return {
    urls: open.map((listener) => listener.url),
    close() {
      closing ??= closeAll(parts, gate, open);
      return closing;
    },
  };
}

async function closeAll({ clock }: ServerParts, gate: Gate, open: readonly Listener[]): Promise<void> {
  const timers = [
    clock.after(ANSWER_MS, () => gate.abortAll()),
    clock.after(ANSWER_MS + LEAVE_MS, () => {
      for (const listener of open) listener.destroy();
    }),
  ];
  await Promise.all(open.map((listener) => listener.close()));
  for (const timer of timers) timer.cancel();
}
