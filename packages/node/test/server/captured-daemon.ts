/** The daemon as the captured program was configured: one log, its own decider, one token, everything on one TCP port. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBase64 } from "@trustix/crypto";
import { randomSeed } from "@trustix/node-crypto";
import { formatPrivateKey, formatPublicToken, keyPairOfSeed } from "@trustix/protocol";
import { pino } from "pino";
import { loadConfig, startDaemon } from "../../src/index.ts";
import { crypto } from "./reference-log.ts";
import { realClock, SEED, TOKEN } from "./test-node.ts";

export async function startDaemonOfCaptures(meta: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), "trustix-captured-"));
  const keys = keyPairOfSeed(crypto, SEED);
  const config = {
    storage: { type: "memory" },
    publishers: [
      {
        protocol: "test",
        name: "one",
        signer: "s",
        publicKey: { type: "ed25519", key: toBase64(keys.publicKey) },
        meta,
      },
    ],
    signers: { s: { type: "ed25519", ed25519: { "private-key-path": join(folder, "key") } } },
    write_tokens: [formatPublicToken(TOKEN)],
    decider: { test: [{ engine: "quorum", quorum: { threshold: 1 } }] },
    listeners: [
      {
        address: "http://127.0.0.1:0",
        private: true,
        metrics: true,
        "allow-replayable-tokens": true,
        "allow-unsigned-reads": true,
      },
    ],
    // The captured program flushes only when asked.
    flush: { interval: 3600 },
    "head-marker": join(folder, "markers"),
  };
  await writeFile(join(folder, "key"), formatPrivateKey(keys), { mode: 0o600 });
  await writeFile(join(folder, "trustix.json"), JSON.stringify(config));
  const daemon = await startDaemon({
    config: await loadConfig(join(folder, "trustix.json"), { crypto, cwd: folder }),
    state: join(folder, "state"),
    listen: [],
    defaultListen: "",
    env: {},
    pid: process.pid,
    version: "0.0.0-test",
    crypto,
    clock: realClock,
    random: Math.random,
    randomSeed,
    log: pino({ level: "silent" }),
  });
  return {
    url: daemon.urls[0]!,
    async close() {
      await daemon.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
