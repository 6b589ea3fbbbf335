/**
 * Decisions over five copied logs, as a program of the machine asks for them: two built daemons, one that publishes the
 * logs and one that follows and copies them, and callers on the second one's socket. All share two cores.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeExt, RPCApi } from "@trustix/proto";
import { NIX } from "@trustix/protocol";
import { bundle } from "../scripts/build/bundle.ts";
import { claimOf, copyLogs, pathOf, type Running, stop } from "./copied-logs.ts";
import { median, report } from "./figure.ts";

const KEYS = 60_000;
/** Asked for before anything is measured. */
const WARM_UP = 30_000;
/** Up to here one by one, from here on in calls for many. */
const ONE_BY_ONE = 45_000;
/** Keys of a call for many, as an audit makes them. */
const A_CALL = 500;
/** A large system's paths: asked for again, they are still known. */
const AGAIN = 5_000;
const CALLERS = 16;
const ROUNDS = 3;

/** Decisions a second for the keys from one number to another, each once. */
async function decideAll({ socket }: Running, from: number, to: number): Promise<number> {
  let next = from;
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (next < to) {
      const { Key } = claimOf(pathOf(next++));
      const { Decision } = await socket.unary(RPCApi.method.decide, { Key, Protocol: NIX.id }, {});
      if (Decision?.Confidence !== 100) throw new Error(`five agree, confidence ${Decision?.Confidence}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return ((to - from) * 1000) / (performance.now() - begun);
}

/** Decisions a second for the keys from one number to another, many in a call. */
async function decideMany({ socket }: Running, from: number, to: number): Promise<number> {
  let next = from;
  const begun = performance.now();
  const caller = async (): Promise<void> => {
    while (next < to) {
      const Keys = Array.from({ length: Math.min(A_CALL, to - next) }, () => claimOf(pathOf(next++)).Key);
      while (Keys.length > 0) {
        const { Decisions } = await socket.unary(NodeExt.method.decideMany, { Keys, Protocol: NIX.id }, {});
        if (Decisions.some(({ Confidence }) => Confidence !== 100)) throw new Error("five agree, and are not heard");
        Keys.splice(0, Decisions.length);
      }
    }
  };
  await Promise.all([caller(), caller()]);
  return ((to - from) * 1000) / (performance.now() - begun);
}

await bundle();
const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));
const follower = await copyLogs(home, () => Array.from({ length: KEYS }, (_, i) => claimOf(pathOf(i))), CALLERS);
const cold = await decideAll(follower, 0, WARM_UP);
report({
  name: "decide over 5 copied logs, 16 callers",
  value: await decideAll(follower, WARM_UP, ONE_BY_ONE),
  unit: "decisions/s",
  better: "more",
  target: 9000,
  how: `Decide over the socket from one process, ${ONE_BY_ONE - WARM_UP} paths that five logs agree on, each asked for the first time; the publishing node is gone; ${cold.toFixed(0)}/s for ${WARM_UP} others before, just after the start`,
});
report({
  name: `decide over 5 copied logs, ${A_CALL} a call`,
  value: await decideMany(follower, ONE_BY_ONE, KEYS),
  unit: "decisions/s",
  better: "more",
  target: 9000,
  how: `DecideMany over the socket, two calls at once, ${KEYS - ONE_BY_ONE} other paths, each asked for the first time; the answers hold every vote and value`,
});
const again: number[] = [];
for (let i = 0; i < ROUNDS; i++) again.push(await decideAll(follower, ONE_BY_ONE - AGAIN, ONE_BY_ONE));
report({
  name: "the same again",
  value: median(again),
  unit: "decisions/s",
  better: "more",
  how: `the last ${AGAIN} of those asked for one by one, median of ${ROUNDS} rounds`,
});
await stop(follower);
await rm(home, { recursive: true, force: true });
