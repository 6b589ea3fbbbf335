/** Every file in transcripts/ is run step by step against a fake node, in a folder and a home of its own. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toBase64, toHex } from "@trustix/crypto";
import { formatSecretCacheKey } from "@trustix/nix-formats";
import { nodeCrypto } from "@trustix/node-crypto";
import { formatPrivateToken, keyPairOfSeed } from "@trustix/protocol";
import { CLAIM, DIGEST, FAKE_LOG, FAKE_TOKEN, PROOFS, RECEIPT, startFakeNode } from "./fake-node.ts";
import { fitTo, parseTranscript, runCommand } from "./transcript.ts";

const folder = join(import.meta.dirname, "transcripts");
let node: Server;
/** Somebody else's, at a port that is wanted. */
let other: Server;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-cli-"));
  node = await startFakeNode(join(home, "node.socket"));
  await writeFile(join(home, "good.receipt"), RECEIPT.file);
  await writeFile(join(home, "changed.receipt"), RECEIPT.file.with(200, RECEIPT.file[200]! ^ 1));
  await writeFile(join(home, "checker.keys"), RECEIPT.keys);
  const otherNode = { ...JSON.parse(RECEIPT.keys), nodes: [toBase64(FAKE_LOG.keys.publicKey)] };
  await writeFile(join(home, "other-node.keys"), JSON.stringify(otherNode));
  await writeFile(join(home, "tester.token"), formatPrivateToken(FAKE_TOKEN), { mode: 0o600 });
  const cacheKey = { name: "my-proxy-1", ...keyPairOfSeed(nodeCrypto(), new Uint8Array(32).fill(8)) };
  await writeFile(join(home, "proxy.key"), formatSecretCacheKey(cacheKey), { mode: 0o600 });
  other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  node.closeAllConnections();
  for (const server of [node, other]) await new Promise((resolve) => server.close(resolve));
  await rm(home, { recursive: true });
});

for (const file of await readdir(folder)) {
  test.concurrent(`what ${file} shows`, { timeout: 60_000 }, async () => {
    const cwd = await mkdtemp(join(home, "cwd-"));
    const names: Record<string, string> = {
      ID: FAKE_LOG.id,
      DIGEST: toHex(DIGEST),
      HEADS: toHex(PROOFS[0]!.id),
      NARINFOS: toHex(PROOFS[1]!.id),
      ACCUSED: toBase64(PROOFS[0]!.evidence.publicKey),
      NOBODY: toBase64(FAKE_LOG.keys.publicKey),
      KEY: toHex(CLAIM.key),
      VALUE: toHex(CLAIM.value),
      HOME: cwd,
      NODE: `unix://${join(home, "node.socket")}`,
      TOKEN: join(home, "tester.token"),
      FILES: home,
      PROXYKEY: join(home, "proxy.key"),
      TAKEN: `127.0.0.1:${(other.address() as AddressInfo).port}`,
    };
    // Nothing of the developer's own machine: no address, no token, no configuration.
    const env = {
      PATH: `${join(import.meta.dirname, "bin")}:${dirname(process.execPath)}:/usr/bin:/bin`,
      LC_ALL: "C.UTF-8",
      XDG_RUNTIME_DIR: cwd,
      // Logs go to this process's own stderr.
      TRUSTIX_LOG_LEVEL: "error",
      // As root the places would be the system's own.
      CONFIGURATION_DIRECTORY: join(cwd, "config"),
      STATE_DIRECTORY: join(cwd, "state"),
      ...names,
    };
    const configured = { ...env, TRUSTIX_RPC: names["NODE"]!, TRUSTIX_TOKEN: names["TOKEN"]! };
    const fill = (text: string): string =>
      text.replaceAll(/\$([A-Z]+)\b/g, (whole, name: string) => names[name] ?? whole);
    for (const step of parseTranscript(await readFile(join(folder, file), "utf8"))) {
      const bare = file.startsWith("bare-");
      const seen = await runCommand(fill(step.command), { cwd, env: bare ? env : configured });
      const [stdout, stderr] = [step.stdout.map(fill), step.stderr.map(fill)];
      expect({
        step: `${file}:${step.line} ${step.command}`,
        stdout: fitTo(stdout, seen.stdout),
        stderr: fitTo(stderr, seen.stderr),
        exit: seen.exit,
      }).toEqual({ step: `${file}:${step.line} ${step.command}`, stdout, stderr, exit: step.exit });
    }
  });
}
