/**
 * A publisher in a process of its own, to be killed: submits numbered items for ever, flushes beside, and says every
 * acknowledged number and every head on stdout, which is what is known outside the state.
 * Arguments: folder of the store, folder of the head marker, first number.
 */
import { openEmbeddedStore } from "@trustix/storage";
import { fileHeadMarker } from "../../src/publisher/head-marker.ts";
import { crypto, item, logInfo, openTestLog } from "./test-log.ts";

const [, , folder, heads, first] = process.argv;
const store = await openEmbeddedStore(folder!);
const marker = fileHeadMarker(crypto, heads!, logInfo().id);
const { publisher } = await openTestLog(store, {
  marker,
  limits: { retainHeads: 20, retainMs: 0, maxFlushItems: 200 },
});
const { stopped } = publisher.status();
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
say({ open: true, stopped });

/** Calls of 1 to 40 items; the second value of a number that was told is submitted now and then. */
async function submitForEver(next: () => number): Promise<never> {
  for (;;) {
    const count = 1 + (next() % 40);
    const numbers = Array.from({ length: count }, next);
    await publisher.submit(numbers.map((n) => item(`k${n}`, `v${n}`)));
    say({ acknowledged: numbers });
    const refused = await publisher.submit([item(`k${numbers[0]}`, "another value")]);
    if (refused.refused.length !== 1) say({ wrong: `a second value for k${numbers[0]} was accepted` });
  }
}

async function flushForEver(): Promise<never> {
  for (;;) {
    const { treeSize, logRoot } = await publisher.flush();
    say({ treeSize, logRoot: Buffer.from(logRoot).toString("hex") });
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

let n = Number(first);
const next = (): number => n++;
await Promise.all([submitForEver(next), submitForEver(next), flushForEver()]);
