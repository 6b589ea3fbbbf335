/** Run by `listeners.slow.test.ts` with listening sockets as descriptors 3 and 4: says where it answers, until it is ended. */
import { pino } from "pino";
import { inheritedListeners } from "../../src/server/index.ts";
import { startTestNode } from "./test-node.ts";

// The parent cannot know our process id before we run; systemd can.
const env = { ...process.env, LISTEN_PID: String(process.pid) };
const node = await startTestNode({ listeners: inheritedListeners(env, process.pid) });
pino({ base: null }).info({ urls: node.server.urls }, "ready");
process.once("SIGTERM", () => {
  void node.close().then(() => process.exit(0));
});
