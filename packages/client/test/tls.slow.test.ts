/** TLS: either the system's certificates are trusted or those of a configured file, and nobody else's. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const SERVER = fixture("localhost.cert.pem");
const OTHER = fixture("other-ca.cert.pem");
const REFUSED =
  "unavailable network: its certificate is signed by nobody who is trusted here (those of ca-file, or else the system's)";

/** How a call ends in a process of its own, since what a process trusts is settled when it starts. */
async function call(url: string, ca: string | undefined, env: Record<string, string>): Promise<string> {
  const program = fileURLToPath(new URL("tls-caller.ts", import.meta.url));
  const args = ca === undefined ? [program, url] : [program, url, ca];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout;
}

const REACHED = "reached";

test.each([
  { what: "the server's authority configured", ca: SERVER, env: {}, wanted: REACHED },
  { what: "the system trusting it", ca: undefined, env: { SSL_CERT_FILE: SERVER }, wanted: REACHED },
  { what: "neither", ca: undefined, env: { SSL_CERT_FILE: OTHER }, wanted: REFUSED },
  {
    what: "only the system trusting it, and another configured",
    ca: OTHER,
    env: { SSL_CERT_FILE: SERVER },
    wanted: REFUSED,
  },
  {
    what: "Node told of it beside the system",
    ca: undefined,
    env: { SSL_CERT_FILE: OTHER, NODE_EXTRA_CA_CERTS: SERVER },
    wanted: REFUSED,
  },
  {
    what: "Node told of it, and no system's list",
    ca: undefined,
    env: { SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: "/nowhere", NODE_EXTRA_CA_CERTS: SERVER },
    wanted: REFUSED,
  },
  { what: "Node told of it, and another configured", ca: OTHER, env: { NODE_EXTRA_CA_CERTS: SERVER }, wanted: REFUSED },
])("a server over TLS, with $what", async ({ ca, env, wanted }) => {
  const options = { cert: readFileSync(SERVER), key: readFileSync(fixture("localhost.key.pem")) };
  const server = createServer(options, (_request, response) => {
    response.writeHead(200, { "content-type": "application/proto" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    expect(await call(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca, env)).toBe(wanted);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
