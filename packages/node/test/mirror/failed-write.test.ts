/** A rejected write in a process that lives on: memory is dropped and read again, and the copy comes to its end. */
import { openMemoryStore } from "@trustix/storage";
import { faultyStore } from "@trustix/storage/faulty";
import { expect, test } from "vitest";
import { expectCopied, expectSound } from "./crash-anywhere.ts";
import { inTime } from "./mirrors.ts";
import { newScript, openCopies, publish } from "./scripted-copy.ts";

test.each(["fails", "fails after persisting"] as const)(
  "a store that fails once, at every third write, and works again: the write %s",
  async (kind) => {
    let at = 1;
    for (let struck = true; struck; at += 3) {
      const disk = openMemoryStore();
      const script = newScript();
      // The first writes are those of a process that does not begin without them.
      await (await openCopies(script, disk, true)).close();
      const store = faultyStore(disk, at, kind);
      const net = await openCopies(script, store, true);
      for (let round = 1; round <= 3; round++)
        for (const log of script.logs) {
          publish(log, round, 9);
          await net.follower.pollNow(log.info.id);
        }
      const isServed = (): boolean => script.logs.every((log) => net.status(log).served?.treeSize === 27);
      await inTime(net, 10_000, () => store.struck() || isServed());
      struck = store.struck();
      const revision = net.mirror.revision();
      store.reopen();
      for (const log of script.logs) await net.follower.pollNow(log.info.id);
      await inTime(net, 120_000, isServed);
      await expectCopied(net, script);
      if (struck) expect(net.mirror.revision()).toBeGreaterThan(revision);
      await net.close();
      await expectSound(disk);
    }
    expect(at).toBeGreaterThan(15);
  },
);
