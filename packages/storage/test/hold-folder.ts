/**
 * The second process of embedded-store.test.ts: opens the store in the folder given as argument, then does as told.
 *
 *   hold    nothing
 *   write   writes numbered batches for ever and says each acknowledged number
 *   retry   the same, goes on after a failed write, says so, and says `recovered` 20 writes after the last failure
 */
import { openEmbeddedStore, StorageError } from "../src/index.ts";

const [, , folder, mode] = process.argv;
const store = await openEmbeddedStore(folder!);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
say("open");

async function writeNumbered(i: number): Promise<void> {
  await store.write(["a", "b"].map((side) => [Buffer.from(`${side}${i}`), Buffer.alloc(2000, i)] as const));
  say(String(i));
}

if (mode === "hold") setInterval(() => {}, 60_000);
else if (mode === "write") for (let i = 0; ; i++) await writeNumbered(i);
else {
  for (let i = 0, since = -1; since < 20; i++) {
    try {
      await writeNumbered(i);
      if (since >= 0) since++;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      since = 0;
      say(`failed ${error.code}`);
    }
  }
  say("recovered");
  setInterval(() => {}, 60_000);
}
