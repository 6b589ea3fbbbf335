/** Run as a program by `tls.slow.test.ts`, which sets its environment: calls `url`, trusting `ca`, and prints how it went. */
import { readFileSync } from "node:fs";
import { NodeAPI } from "@trustix/proto";
import { RpcError, httpTransport } from "../src/index.ts";

const [url = "", ca] = process.argv.slice(2);
const transport = httpTransport(url, { ca: ca === undefined ? undefined : readFileSync(ca, "utf8") });
try {
  await transport.unary(NodeAPI.method.logs, {});
  process.stdout.write("reached");
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  process.stdout.write(`${error.code} ${error.origin}: ${error.message}`);
}
await transport.close();
