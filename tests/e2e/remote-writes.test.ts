/**
 * A builder that writes to a node over TCP, with the commands as installed: what goes over the wire is written down by
 * somebody in between, who tries to make use of it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { removeStores, run } from "@trustix/testkit/nix";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Program } from "../../examples/four-planets/program.ts";
import { freePort, programEnvironment, TRUSTIX } from "../../examples/four-planets/programs.ts";
import { makeFolder } from "./nixes.ts";

let folder: string;
let env: NodeJS.ProcessEnv;
let port: number;
let daemon: Program | undefined;
let between: Between;

/** Passes bytes on and keeps what clients sent, one text a connection. */
interface Between {
  readonly url: string;
  readonly sent: string[];
  close(): Promise<void>;
}

beforeAll(async () => {
  folder = await makeFolder();
  env = { ...programEnvironment(folder), TRUSTIX_SPOOL: join(folder, "spool") };
  port = await freePort();
  await trustix("init", "--dir", join(folder, "node"));
  const listeners = `
[[listeners]]
address = "unix://${folder}/socket"
[[listeners]]
address = "http://127.0.0.1:${port}"
private = true
names = ["localhost"]
`;
  const path = join(folder, "node/trustix.toml");
  await writeFile(path, (await readFile(path, "utf8")) + listeners);
  await writeFile(join(folder, "early.mjs"), "const now = Date.now;\nDate.now = () => now() - 600_000;\n");
  between = await listenBetween(port);
});
afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
});
afterAll(async () => {
  await between.close();
  await removeStores(folder);
});

async function listenBetween(to: number): Promise<Between> {
  const sent: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const at = sent.push("") - 1;
    const upstream = connect({ host: "127.0.0.1", port: to });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (client.destroy(), upstream.destroy()));
    }
    client.on("data", (chunk: Buffer) => (sent[at] += chunk.toString("latin1")));
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    sent,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends exactly these bytes, and reads until the answer is there or the connection ends. */
function sendAgain(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    let got = "";
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      const [head, body] = got.split("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(head ?? "")?.[1];
      if (body !== undefined && length !== undefined && body.length >= Number(length)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
    socket.write(Buffer.from(text, "latin1"));
  });
}

async function start(more: NodeJS.ProcessEnv = {}): Promise<Program> {
  const args = ["daemon", "--config", join(folder, "node/trustix.toml"), "--state", join(folder, "state")];
  daemon = new Program({ name: "daemon", command: TRUSTIX, args, env: { ...env, ...more } });
  await daemon.heard(/"msg":"ready"/);
  return daemon;
}

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function trustix(...args: string[]): Promise<Ran> {
  return run(TRUSTIX, args, { env });
}
const at = (token: string, ...args: string[]): Promise<Ran> =>
  run(TRUSTIX, args, { env: { ...env, TRUSTIX_TOKEN: join(folder, token) } });
const submit = (token: string, url: string, key: string): Promise<Ran> =>
  at(token, "submit", "--address", url, "--key", key, "--value", "01");

/** The Submit among what was sent; the last one. */
function seenSubmit(): string {
  const seen = between.sent.filter((text) => text.includes("LogRPC/Submit HTTP")).at(-1)!;
  return seen.slice(seen.indexOf("POST /trustix_rpc.v1.LogRPC/Submit"));
}

test("what was seen of a write is worth nothing: not again, not with another body or method, not after a restart", async () => {
  await start();
  expect(await submit("node/trustix.token", between.url, "aa")).toMatchObject({ code: 0, stdout: "OK\n", stderr: "" });
  const seen = seenSubmit();
  expect(seen).toContain("Trustix-Signed-Call: v1 ");
  expect(seen.toLowerCase()).not.toContain("trustix-token");
  // The public question before it went out without a name.
  expect(between.sent[0]!.slice(0, between.sent[0]!.indexOf("\r\n\r\n")).toLowerCase()).not.toContain("signed-call");

  expect(await sendAgain(seen)).toContain("this nonce was used before");
  expect(await sendAgain(seen.replace("\u00aa", "\u00ab"))).toMatch(/a body with digest .* came/);
  expect(await sendAgain(seen.replace("LogRPC/Submit HTTP", "LogRPC/Flush HTTP"))).toMatch(
    /signed for .*Submit and came as .*Flush/,
  );
  await daemon!.stop();
  await start();
  expect(await sendAgain(seen)).toContain("this nonce was used before");
  expect(await submit("node/trustix.token", between.url, "ab")).toMatchObject({ code: 0 });
  await trustix("flush", "--address", `unix://${folder}/socket`);
  const status = await at("node/trustix.token", "status", "--address", between.url);
  expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 2 entries, 0 waiting/) });
});

test("who shows no token, or one that can be replayed, or calls the node by another name, is told what to do", async () => {
  await start();
  const nobody = await run(TRUSTIX, ["status", "--address", between.url], {
    env: { ...env, STATE_DIRECTORY: join(folder, "none") },
  });
  expect(nobody).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/Status needs a token, shown by a signed call .*\n.*hint: TRUSTIX_TOKEN/),
  });
  const byAddress = between.url.replace("localhost", "127.0.0.1");
  expect(await submit("node/trustix.token", byAddress, "ac")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /signed for a node called "127.0.0.1:\d+", and this one is called localhost, .*\n.*hint: .*names = \["127.0.0.1:\d+"\]/,
    ),
  });
  // A clock that is wrong, told with both times.
  const early = await run(TRUSTIX, ["submit", "--address", between.url, "--key", "ac", "--value", "01"], {
    env: {
      ...env,
      TRUSTIX_TOKEN: join(folder, "node/trustix.token"),
      NODE_OPTIONS: `--import ${join(folder, "early.mjs")}`,
    },
  });
  expect(early).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /signed at 20\S+Z and this node's clock says 20\S+Z: at most 300 s apart wanted .*\n.*hint: set the clock/,
    ),
  });
});

test("tokens are added and revoked while the node runs, and read again on SIGHUP", async () => {
  const running = await start();
  const own = (...args: string[]): Promise<Ran> =>
    at("state/trustix.token", "token", ...args, "--address", `unix://${folder}/socket`);
  const file = (name: string): string => join(folder, name);
  for (const name of ["b1", "b2"])
    await trustix(
      "generate-token",
      "--name",
      name,
      "--privkey",
      file(`${name}.token`),
      "--pubkey",
      file(`${name}.pub`),
    );
  expect(await submit("b1.token", between.url, "b1")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /token "b1" is not known to this node .*\n.*hint: the token sent is that in .*b1.token/,
    ),
  });
  expect(await own("add", file("b1.pub"))).toMatchObject({ code: 0, stdout: "b1 may submit and flush from now on\n" });
  expect(await submit("b1.token", between.url, "b1")).toMatchObject({ code: 0 });
  expect((await own("list")).stdout).toMatch(
    /^writer writer \(configuration\) \S+\ndefault owner\+writer \(the node's own\) \S+\nb1 writer \(added\) \S+\n$/,
  );
  expect(await own("revoke", "b1")).toMatchObject({ code: 0 });
  expect(await submit("b1.token", between.url, "b2")).toMatchObject({ code: 1 });
  // Only the node's own token may, and only at home.
  const byWriter = await at("node/trustix.token", "token", "list", "--address", `unix://${folder}/socket`);
  expect(byWriter).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is for the holder of the node's own token/),
  });
  expect(await at("state/trustix.token", "token", "list", "--address", between.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/hint: use the unix socket/),
  });

  const config = file("node/trustix.toml");
  const before = await readFile(config, "utf8");
  const withB2 = `write_tokens = ["${(await readFile(file("b2.pub"), "utf8")).trim()}"]`;
  await writeFile(config, before.replace(/^write_tokens = .*$/m, withB2).replace("minimum = 66", "minimum = 67"));
  process.kill(running.pid, "SIGHUP");
  await running.heard(/tokens read again/);
  expect(await running.heard(/in force after a restart only/)).toContain('"changed":["deciders"]');
  expect(await submit("b2.token", between.url, "b3")).toMatchObject({ code: 0 });
  expect(await submit("node/trustix.token", between.url, "b4")).toMatchObject({ code: 1 });
  await writeFile(config, "nonsense = ");
  process.kill(running.pid, "SIGHUP");
  await running.heard(/tokens stay as they were/);
  expect(await submit("b2.token", between.url, "b5")).toMatchObject({ code: 0 });
  await writeFile(config, before);
  const secrets = await Promise.all(
    ["b1.token", "b2.token", "node/trustix.token", "state/trustix.token"].map((name) => readFile(file(name), "utf8")),
  );
  for (const secret of secrets) expect(running.said).not.toContain(secret.trim().split(":")[1]!.slice(0, 16));
});
