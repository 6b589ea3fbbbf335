/** What is gathered from servers, scripts and files: facts, whatever they are, and never an error. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Config } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { formatPrivateKey, keyPairOfSeed, logIdOf, NIX } from "@trustix/protocol";
import type { Io } from "../../src/command.ts";
import { askPlaces, type AskOptions } from "../../src/doctor/ask-places.ts";
import { gatherHook } from "../../src/doctor/gather-hook.ts";
import { findProxies } from "../../src/doctor/gather-nix.ts";
import { gatherSecrets, gatherState } from "../../src/doctor/gather-secrets.ts";
import { KEY, nix } from "./facts.ts";

let folder: string;
const servers: Server[] = [];
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "trustix-doctor-test-"))));
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

async function serve(answer: RequestListener, at: { port: number } | { path: string } = { port: 0 }): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((done) => server.listen({ host: "127.0.0.1", ...at }, done));
  const address = server.address();
  return typeof address === "string" ? `unix://${address}` : `http://127.0.0.1:${(address as AddressInfo).port}`;
}

const CACHE_INFO = "StoreDir: /nix/store\nPriority: 41\n";
const options: AskOptions = {
  timeoutMs: 10_000,
  offline: false,
  ca: undefined,
  signal: new AbortController().signal,
  now: () => Date.now(),
};

test("each place is asked once, whatever its roles; a cache for its description", async () => {
  const requests: string[] = [];
  const url = await serve((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.setHeader("date", "Tue, 24 Nov 2026 12:00:00 GMT");
    response.end(CACHE_INFO);
  });
  const places = [
    { url, role: "upstream", isCache: true },
    { url: `${url}/`, role: "substituter", isCache: true },
    { url: `${url}?priority=3`, role: "substituter", isCache: true },
  ];
  const facts = await askPlaces(places, options);
  expect(requests).toEqual(["GET /nix-cache-info"]);
  expect(facts).toEqual([
    {
      url,
      roles: ["upstream", "substituter"],
      outcome: {
        kind: "answered",
        status: 200,
        date: Date.UTC(2026, 10, 24, 12),
        sent: expect.any(Number) as number,
        got: expect.any(Number) as number,
        isCache: true,
        priority: 41,
      },
    },
  ]);
});

test("silence, endless answers, redirects, nonsense and strange addresses are facts like others", async () => {
  const silent = await serve(() => undefined);
  const endless = await serve((_, response) => {
    const more = (): void => void (response.destroyed || response.write("x".repeat(16_384), () => setImmediate(more)));
    more();
  });
  const followed: string[] = [];
  const target = await serve((request, response) => {
    followed.push(request.url!);
    response.end();
  });
  const redirect = await serve((_, response) => response.writeHead(302, { location: target, date: "never" }).end());
  const socket = await serve((_, response) => response.writeHead(404).end(), { path: join(folder, "s.socket") });
  const gone = await serve(() => undefined);
  servers.pop()!.close();
  const ask = async (url: string, change: Partial<AskOptions> = {}) => {
    const [facts] = await askPlaces([{ url, role: "remote", isCache: true }], { ...options, ...change });
    return facts!.outcome;
  };
  expect(await ask(silent, { timeoutMs: 100 })).toEqual({ kind: "failed", why: "no answer within 0.1 s" });
  expect(await ask(endless)).toMatchObject({ kind: "answered", status: 200, priority: undefined });
  expect(await ask(redirect)).toMatchObject({ kind: "answered", status: 302, date: undefined });
  expect(followed).toEqual([]);
  expect(await ask(socket)).toMatchObject({ kind: "answered", status: 404 });
  expect(await ask(gone)).toEqual({ kind: "failed", why: "nobody listens there" });
  expect(await ask(`unix://${folder}/none`)).toEqual({ kind: "failed", why: "there is no such socket" });
  expect(await ask("file:///srv/cache")).toEqual({ kind: "not asked", why: "only http, https and unix addresses are" });
  expect(await ask("daemon")).toMatchObject({ kind: "not asked" });
  // Not even a name is looked up.
  expect(await ask("http://cache.invalid", { offline: true })).toEqual({ kind: "not asked", why: "--offline" });
  expect(await ask(gone, { offline: true })).toMatchObject({ kind: "failed" });
});

test("whoever is ended does not wait for the rest", async () => {
  const silent = await serve(() => undefined);
  const ending = new AbortController();
  const asking = askPlaces([{ url: silent, role: "remote", isCache: false }], { ...options, signal: ending.signal });
  ending.abort(new Error("ended"));
  await expect(asking).rejects.toThrow("ended");
});

test("a proxy of ours is known by its health, with the key that it signs with", async () => {
  const health =
    (body: string): RequestListener =>
    (request, response) =>
      void (request.url === "/healthz" ? response.end(body) : response.writeHead(404).end());
  const ours = await serve(health(JSON.stringify({ status: "ok", key: KEY, upstreams: [] })));
  const older = await serve(health(JSON.stringify({ status: "degraded", upstreams: [] })));
  const foreign = await serve(health(JSON.stringify({ status: "ok" })));
  const noise = await serve(health("fine"));
  const substituters = [`${ours}/?priority=10`, older, foreign, noise, "https://cache.example"];
  const { proxies: _, ...told } = nix({ substituters }, { proxyAddress: ours });
  const asked = [{ url: `${ours}/?priority=10`, roles: [], outcome: { kind: "failed" as const, why: "" } }];
  expect(await findProxies(told, asked, options)).toEqual([
    { url: `${ours}/?priority=10`, status: "ok", key: KEY, priority: undefined },
    { url: older, status: "degraded", key: undefined, priority: undefined },
  ]);
  // One that no substituter names is found where it usually is.
  const { proxies: __, ...elsewhere } = nix({ substituters: ["https://cache.example"] }, { proxyAddress: ours });
  expect(await findProxies(elsewhere, [], options)).toMatchObject([{ url: ours, key: KEY }]);
});

const io = (env: Record<string, string> = {}): Io =>
  ({ env: { PATH: "/usr/bin:/bin", ...env }, uid: process.geteuid!(), cwd: folder }) as unknown as Io;

async function script(name: string, text: string, mode = 0o755): Promise<string> {
  const place = await mkdtemp(join(folder, "hook-"));
  const path = join(place, name);
  await writeFile(path, `#!/bin/sh\n# trustix-nix\n${text}\n`);
  await chmod(path, mode);
  return path;
}

test("a hook is run only if it is ours and nobody else could have written it, and leaves nothing behind", async () => {
  const seen = join(folder, "seen");
  const good = await script(
    "good",
    `echo "$OUT_PATHS|\${DRV_PATH-none}|$TRUSTIX_SPOOL" > ${seen}; touch "$TRUSTIX_SPOOL/x"`,
  );
  const failing = await script("failing", "echo one; echo broken >&2; exit 7");
  const plain = await script("plain", "", 0o644);
  const open = await script("open", `echo > ${folder}/opened`, 0o757);
  const foreign = await script("foreign", "");
  await writeFile(foreign, `#!/bin/sh\necho > ${folder}/foreign-ran\n`);
  const link = join(folder, "link");
  await symlink(good, link);
  const found = async (path: string) => (await gatherHook(path, io({ DRV_PATH: "/x" }))).found;
  const how = "run without DRV_PATH, with an empty OUT_PATHS and a spool of its own";
  expect(await found(good)).toEqual({ kind: "ran", how, exit: 0, said: "" });
  const [outputs, derivation, spool] = (await readFile(seen, "utf8")).trim().split("|");
  expect([outputs, derivation]).toEqual(["", "none"]);
  expect(await readdir(spool!).catch(() => "gone")).toBe("gone");
  expect(await found(link)).toMatchObject({ kind: "ran", exit: 0 });
  expect(await found(failing)).toEqual({ kind: "ran", how, exit: 7, said: "broken" });
  expect(await found(plain)).toEqual({ kind: "not executable" });
  expect(await found(open)).toEqual({
    kind: "unsafe",
    why: `everybody may write to ${open}`,
    command: `chmod o-w ${open}`,
  });
  expect(await found(foreign)).toEqual({ kind: "foreign" });
  expect(await found(`${folder}/none`)).toEqual({ kind: "absent", why: "there is no such file" });
  expect(await found(folder)).toEqual({ kind: "absent", why: "it is no file" });
  expect((await readdir(folder)).filter((name) => /opened|ran/.test(name))).toEqual([]);
  expect(await gatherHook(undefined, io())).toEqual({ path: undefined, ours: undefined, found: undefined });
});

test("our own hook is found on the PATH, for the line that is missing", async () => {
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "trustix-nix-hook"), "", { mode: 0o755 });
  expect((await gatherHook(undefined, io({ PATH: `/nowhere:${bin}` }))).ours).toBe(join(bin, "trustix-nix-hook"));
});

test("private files are read for what they are, and say nothing of what they hold", async () => {
  const crypto = nodeCrypto();
  const [mine, other] = [1, 2].map((n) => keyPairOfSeed(crypto, new Uint8Array(32).fill(n)));
  const state = await mkdtemp(join(folder, "state-"));
  const at = (name: string): string => join(state, name);
  await writeFile(at("right"), formatPrivateKey(mine!), { mode: 0o600 });
  await writeFile(at("wrong"), formatPrivateKey(other!), { mode: 0o644 });
  await writeFile(at("noise"), "x", { mode: 0o600 });
  await writeFile(at("huge"), "x".repeat(100_000), { mode: 0o600 });
  await writeFile(at("node.key"), formatPrivateKey(other!), { mode: 0o600 });
  const id = logIdOf(crypto, { protocol: NIX, publicKey: mine!.publicKey });
  const publishers = ["right", "wrong", "noise", "huge", "none"].map((name) => ({
    name,
    keyFile: at(name),
    info: { id, protocol: NIX, publicKey: mine!.publicKey, meta: {} },
  }));
  const env = { CONFIGURATION_DIRECTORY: state, STATE_DIRECTORY: state };
  const secrets = await gatherSecrets({ publishers } as unknown as Config, state, io(env));
  const found = Object.fromEntries(secrets.map(({ path, found: one }) => [path.slice(state.length + 1), one]));
  const owner = process.geteuid!();
  expect(found).toMatchObject({
    right: { kind: "file", mode: 0o600, owner, wrong: undefined },
    wrong: {
      kind: "file",
      mode: 0o644,
      wrong: expect.stringMatching(/^it is another log's: its public key is /) as string,
    },
    noise: { kind: "file", wrong: expect.any(String) as string },
    huge: { kind: "file", wrong: "100000 bytes are no key" },
    none: { kind: "absent", needed: true },
    "node.key": { kind: "file", wrong: undefined },
    "trustix.token": { kind: "absent", needed: false },
  });
  for (const pair of [mine!, other!]) expect(JSON.stringify(secrets)).not.toContain(formatPrivateKey(pair));
  const { nodeKey } = await gatherState(state);
  expect(nodeKey).toBe(Buffer.from(other!.publicKey).toString("base64"));
  expect(await gatherState(at("nowhere"))).toEqual({ folder: at("nowhere"), found: undefined, nodeKey: undefined });
});
