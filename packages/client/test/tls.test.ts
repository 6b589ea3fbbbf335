/** TLS: a configured CA file is trusted, and nothing that the system does not know otherwise. */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { NodeAPI } from "@trustix/proto";
import { expect, test } from "vitest";
import { httpTransport } from "../src/index.ts";

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

test("a server is reached with its CA configured and refused without", async () => {
  const cert = fixture("localhost.cert.pem");
  const server = createServer({ cert, key: fixture("localhost.key.pem") }, (_request, response) => {
    response.writeHead(200, { "content-type": "application/proto" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const trusting = httpTransport(url, { ca: cert });
  expect((await trusting.unary(NodeAPI.method.logs, {})).Logs).toEqual([]);
  await trusting.close();
  const plain = httpTransport(url);
  await expect(plain.unary(NodeAPI.method.logs, {})).rejects.toMatchObject({ code: "unavailable", origin: "network" });
  await plain.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
