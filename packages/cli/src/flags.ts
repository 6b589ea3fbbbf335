/** Flags that several commands have, worded once. */
import type { FlagSpec } from "./command.ts";

export const JSON_FLAG: FlagSpec = { words: "--json", description: "print JSON, one document" };

/** Every command of both programs takes these, before or after its name. */
export const CONNECTION_FLAGS: readonly FlagSpec[] = [
  {
    words: "--address <url>",
    description: "the node: unix:///path, http://host:port or https://host (default: TRUSTIX_RPC or the local socket)",
  },
  { words: "--log-id <id>", description: "the log, by id or its first 8 digits (default: the only published one)" },
  {
    words: "--replayable-token",
    description: "off the unix socket, send the existing protocol's token too: whoever sees the call can replay it",
  },
  { words: "--timeout <seconds>", description: "time for each call (default: 20)" },
];
