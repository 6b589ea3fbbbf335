import { toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { LogRPC } from "@trustix/proto";
import { keyPairOfSeed, openSignedCall, type SignedCall } from "@trustix/protocol";
import { expect, test } from "vitest";
import { httpTransport, RpcError, signCalls } from "../src/index.ts";
import { scriptedServer, type Asked } from "./scripted-server.ts";

const crypto = nodeCrypto();
const token = { name: "builder", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(4)) };
let count = 0;
const signer = { crypto, token, now: () => 1_700_000_000_000, nonce: () => new Uint8Array(16).fill(++count) };
const LogID = "5".repeat(64);

function opened({ headers, body }: Asked): SignedCall {
  const call = openSignedCall(crypto, new Map([[token.name, token]]), headers["trustix-signed-call"] as string);
  expect(toHex(call.bodyDigest)).toBe(toHex(crypto.sha256(body)));
  return call;
}

test("what is sent is what is signed: method, body, the node as the address names it", async () => {
  await using server = await scriptedServer((_asked, _request, response) =>
    response.writeHead(200, { "content-type": "application/proto" }).end(Buffer.from([8, 0])),
  );
  const transport = httpTransport(server.url, { headersFor: signCalls(signer) });
  await transport.unary(LogRPC.method.submit, { LogID, Items: [{ Key: Buffer.from("k"), Value: Buffer.from("v") }] });
  await transport.close();
  expect(opened(server.asked[0]!)).toMatchObject({
    name: "builder",
    procedure: "/trustix_rpc.v1.LogRPC/Submit",
    audience: new URL(server.url).host,
    time: 1_700_000_000_000,
  });
});

test("a call that is sent again after a lost connection is signed again: the first may have come through", async () => {
  let lost = false;
  await using server = await scriptedServer((_asked, request, response) => {
    if (!lost) {
      lost = true;
      return void request.socket.destroy();
    }
    response.writeHead(200, { "content-type": "application/proto" }).end();
  });
  const transport = httpTransport(server.url, { headersFor: signCalls(signer) });
  await transport.unary(LogRPC.method.flush, { LogID });
  await transport.close();
  const [first, second] = server.asked.map(opened);
  expect(server.asked).toHaveLength(2);
  expect(toHex(second!.nonce)).not.toBe(toHex(first!.nonce));
});

test("an address that no signed call can name is refused here, and nothing is sent", async () => {
  const transport = httpTransport(`http://${"a".repeat(400)}:1`, { headersFor: signCalls(signer) });
  const error = await transport.unary(LogRPC.method.flush, { LogID }).catch((thrown: unknown) => thrown);
  await transport.close();
  expect(error).toBeInstanceOf(RpcError);
  expect(error).toMatchObject({ code: "invalid_argument", origin: "local" });
});
