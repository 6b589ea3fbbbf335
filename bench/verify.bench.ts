/**
 * `trustix verify` of a receipt of five copied logs, from start to exit: the built command, without a node and without a
 * network, every signature and proof checked.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../scripts/build/bundle.ts";
import { claimOf, copyLogs, environment, pathOf, stop, TRUSTIX } from "./copied-logs.ts";
import { median, report } from "./figure.ts";

const KEYS = 10_000;
const ROUNDS = 25;

const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const env = environment(home);
const trustix = (...words: string[]): string => execFileSync(TRUSTIX, words, { env, encoding: "utf8" });

await bundle();
const follower = await copyLogs(home, () => Array.from({ length: KEYS }, (_, i) => claimOf(pathOf(i))));
const [receipt, keys] = [join(home, "a.receipt"), join(home, "node.keys")];
trustix("why", pathOf(4711).path, "--receipt", receipt, "--address", follower.address);
const config = join(home, "follower/trustix.toml");
await writeFile(keys, trustix("keys", "--config", config, "--state", join(home, "follower/state")));
await stop(follower);

const times = Array.from({ length: ROUNDS + 1 }, () => {
  const start = performance.now();
  trustix("verify", receipt, "--keys", keys);
  return performance.now() - start;
});
report({
  name: "verify a receipt",
  value: median(times.slice(1)),
  unit: "ms",
  better: "less",
  target: 100,
  how: `the command from start to exit, a receipt of ${(await stat(receipt)).size} bytes about five logs of ${KEYS} entries, median of ${ROUNDS}`,
});
await rm(home, { recursive: true, force: true });
