/** A daemon that is told to end while it has more to do than fits the time it may take for that. */
import { parseLogId } from "@trustix/protocol";
import { expect, test } from "vitest";
import type { NodeError } from "../src/index.ts";
import { inFolder } from "./server/test-node.ts";
import { clientsOf, party, publisherToml, start } from "./test-daemon.ts";

test("a daemon with a great backlog ends in time; what waits is published after its next start", async () => {
  await inFolder(async (root) => {
    const one = await party(root, "one");
    const toml = `${publisherToml(one)}items = 1000000\n`;
    const { daemon } = await start(one.folder, toml);
    const publisher = daemon.publishers.get(parseLogId(one.logId))!;
    const count = 200_000;
    for (let from = 0; from < count; from += 10_000) {
      const keys = Array.from({ length: 10_000 }, (_, i) => Buffer.from(`key-${from + i}`));
      await publisher.submit(keys.map((key) => ({ key, value: key })));
    }
    const flushed = publisher.flush().then(
      () => "done",
      (error: unknown) => (error as NodeError).code,
    );
    // Within the first batch: it is finished, and so is the one that is computed meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const asked = Date.now();
    await daemon.close();
    expect(Date.now() - asked).toBeLessThan(4500);
    expect(await flushed).toBe("unavailable");
    const again = await start(one.folder, toml);
    const log = again.daemon.publishers.get(parseLogId(one.logId))!;
    const { waiting } = log.status();
    expect(waiting).toBeGreaterThan(count / 4);
    await expect((await clientsOf(one.folder)).node.status({})).resolves.toMatchObject({
      Published: [{ Head: { TreeSize: BigInt(count - waiting) } }],
    });
    await again.daemon.close();
  });
}, 120_000);
