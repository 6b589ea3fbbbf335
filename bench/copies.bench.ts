/**
 * Decisions over five copied logs, as a program of the machine asks for them: two built daemons, one that publishes the
 * logs and one that follows and copies them, and callers on the second one's socket. All share two cores.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RPCApi } from "@trustix/proto";
import { NIX } from "@trustix/protocol";
import { bundle } from "../scripts/build/bundle.ts";
import { claimOf, copyLogs, pathOf, type Running, stop } from "./copied-logs.ts";
import { median, report } from "./figure.ts";

const KEYS = 30_000;
const CALLERS = 16;
const ROUNDS = 3;

/** Decisions a second, each key once. */
async function decideAll({ socket }: Running): Promise<number> {
  let next = 0;
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (next < KEYS) {
      const { Key } = claimOf(pathOf(next++));
      const { Decision } = await socket.unary(RPCApi.method.decide, { Key, Protocol: NIX.id }, {});
      if (Decision?.Confidence !== 100) throw new Error(`five agree, confidence ${Decision?.Confidence}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (KEYS * 1000) / (performance.now() - begun);
}

await bundle();
const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const follower = await copyLogs(home, () => Array.from({ length: KEYS }, (_, i) => claimOf(pathOf(i))), CALLERS);
const rates: number[] = [];
for (let i = 0; i < ROUNDS; i++) rates.push(await decideAll(follower));
report({
  name: "decide over 5 copied logs, 16 callers",
  value: rates[0]!,
  unit: "decisions/s",
  better: "more",
  target: 9000,
  how: `Decide over the socket from one process, ${KEYS} paths that five logs agree on, each asked for the first time; the publishing node is gone`,
});
report({
  name: "the same again",
  value: median(rates.slice(1)),
  unit: "decisions/s",
  better: "more",
  how: `the same paths, median of ${ROUNDS - 1} rounds`,
});
await stop(follower);
await rm(home, { recursive: true, force: true });
