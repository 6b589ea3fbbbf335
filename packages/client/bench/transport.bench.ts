/**
 * Unary calls a second over loopback with 1 and 16 callers, against a plain node:http responder in its own process.
 * Run: `node packages/client/bench/transport.bench.ts`. Prints one JSON line a figure; medians of 5.
 */
import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { LogAPI, LogHeadSchema } from "@trustix/proto";
import { httpTransport } from "../src/index.ts";

const CALLS = 4_000;

if (process.send !== undefined) {
  const bytes = new Uint8Array(32);
  const head = { LogRoot: bytes, TreeSize: 5n, MapRoot: bytes, MHRoot: bytes, MHTreeSize: 2n, Signature: bytes };
  const body = toBinary(LogHeadSchema, create(LogHeadSchema, head));
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/proto", "content-length": body.length }).end(body);
    });
  });
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port));
  process.on("disconnect", () => process.exit());
} else {
  const child = fork(new URL(import.meta.url));
  const port = await new Promise<number>((resolve) => child.once("message", (message) => resolve(Number(message))));
  const transport = httpTransport(`http://127.0.0.1:${port}`);
  for (const callers of [1, 16]) {
    const rates: number[] = [];
    for (let run = 0; run < 6; run++) {
      const start = performance.now();
      const caller = async (): Promise<void> => {
        for (let i = 0; i < CALLS / callers; i++)
          await transport.unary(LogAPI.method.getHead, { LogID: "0".repeat(64) });
      };
      await Promise.all(Array.from({ length: callers }, caller));
      if (run > 0) rates.push(Math.round(CALLS / ((performance.now() - start) / 1000)));
    }
    const value = rates.toSorted((a, b) => a - b)[2];
    process.stdout.write(
      `${JSON.stringify({ what: "unary GetHead over loopback", callers, unit: "calls/s", value, runs: rates })}\n`,
    );
  }
  await transport.close();
  child.disconnect();
}
