/** Whole daemons from configuration files, over sockets in a folder of their own. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toBase64 } from "@trustix/crypto";
import { formatPrivateKey } from "@trustix/protocol";
import { describe, expect, test } from "vitest";
import { NodeError } from "../src/index.ts";
import { inFolder } from "./server/test-node.ts";
import { clientsOf, party, publisherToml, start, type Party } from "./test-daemon.ts";

const subscriberToml = ({ keys }: Party) => `
[[subscribers]]
protocol = "test"
[subscribers.publicKey]
type = "ed25519"
key = "${toBase64(keys.publicKey)}"
`;

const item = (key: string, value: string) => ({ Key: Buffer.from(key), Value: Buffer.from(value) });
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

async function until<T>(what: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 200; i++) {
    const got = await what();
    if (got !== undefined) return got;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("it did not come to pass within 5 seconds");
}

async function refusedWith(starting: Promise<unknown>): Promise<NodeError> {
  try {
    await starting;
  } catch (error) {
    expect(error).toBeInstanceOf(NodeError);
    return error as NodeError;
  }
  throw new Error("it started");
}

test("one daemon publishes, another follows it and decides what it claims", async () => {
  await inFolder(async (root) => {
    const [alice, bob] = [await party(root, "alice"), await party(root, "bob")];
    const a = await start(alice.folder, publisherToml(alice));
    const quorum = `[[decider."test"]]\nengine = "quorum"\nquorum.threshold = 1\n`;
    const b = await start(
      bob.folder,
      `remotes = ["unix://${alice.folder}/trustix.socket"]\n${quorum}${subscriberToml(alice)}`,
    );
    try {
      const [ofA, ofB] = [await clientsOf(alice.folder), await clientsOf(bob.folder)];
      await ofA.log.submit({ LogID: alice.logId, Items: [item("k", "v"), item("l", "w")] });
      const { Generation: before } = await ofA.node.status({});
      await ofA.log.flush({ LogID: alice.logId });
      expect((await ofA.node.status({})).Generation).not.toBe(before);
      const refused = await ofA.log.submit({ LogID: alice.logId, Items: [item("k", "other")] });
      expect(refused.Refused.map(text)).toEqual(["k"]);
      expect((await ofA.node.refused({ LogID: alice.logId })).Claims.map(({ Value }) => text(Value))).toEqual([
        "other",
      ]);

      // What B holds is the empty log's head, until its next poll: start it anew for a poll now.
      const { Generation: started } = await ofB.node.status({});
      expect((await ofB.node.status({})).Generation).toBe(started);
      await b.daemon.close();
      const again = await start(
        bob.folder,
        `remotes = ["unix://${alice.folder}/trustix.socket"]\n${quorum}${subscriberToml(alice)}`,
      );
      try {
        expect((await ofB.node.status({})).Generation).not.toBe(started);
        await until(async () => ((await ofB.node.status({})).Followed[0]!.Head?.TreeSize === 2n ? true : undefined));
        const decided = await ofB.rpc.decide({ Key: Buffer.from("k"), Protocol: "test" });
        expect(text(decided.Decision!.Value)).toBe("v");
        expect(decided.Decision!.LogIDs).toEqual([alice.logId]);
        expect((await ofB.public.logs({})).Logs).toEqual([]);
        expect((await ofB.rpc.logs({})).Logs.map(({ LogID }) => LogID)).toEqual([alice.logId]);
        await expect(ofB.rpc.decide({ Key: Buffer.from("none"), Protocol: "test" })).rejects.toThrow(
          /failed_precondition/,
        );
      } finally {
        await again.daemon.close();
      }
    } finally {
      await b.daemon.close();
      await a.daemon.close();
    }
  });
});

describe("a daemon started again", () => {
  test("has its log, its token and what was waiting", async () => {
    await inFolder(async (root) => {
      const alice = await party(root, "alice");
      const first = await start(alice.folder, publisherToml(alice));
      const tokenFile = join(alice.folder, "state/trustix.token");
      expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
      const token = await readFile(tokenFile, "utf8");
      const before = await clientsOf(alice.folder);
      await before.log.submit({ LogID: alice.logId, Items: [item("k", "v")] });
      await before.log.flush({ LogID: alice.logId });
      await before.log.submit({ LogID: alice.logId, Items: [item("waiting", "w")] });
      await first.daemon.close();
      await expect(stat(join(alice.folder, "trustix.socket"))).rejects.toThrow(/ENOENT/);

      const second = await start(alice.folder, publisherToml(alice));
      try {
        expect(await readFile(tokenFile, "utf8")).toBe(token);
        const after = await clientsOf(alice.folder);
        const [log] = (await after.node.status({})).Published;
        expect([log!.Head!.TreeSize, log!.Waiting, log!.Stopped]).toEqual([1n, 1n, ""]);
        await after.log.flush({ LogID: alice.logId });
        expect((await after.log.getHead({ LogID: alice.logId })).TreeSize).toBe(2n);
      } finally {
        await second.daemon.close();
      }
    });
  });

  test("from an old copy of its state signs nothing when a remote has seen more", async () => {
    await inFolder(async (root) => {
      const alice = await party(root, "alice");
      const first = await start(alice.folder, publisherToml(alice));
      const before = await clientsOf(alice.folder);
      await before.log.submit({ LogID: alice.logId, Items: [item("k", "v")] });
      await before.log.flush({ LogID: alice.logId });
      try {
        // Another process with the same key and an empty state, and no marker: only the remote can tell.
        const other = await party(root, "other");
        const config = publisherToml({ ...alice, folder: other.folder });
        await writeFile(join(other.folder, "key"), formatPrivateKey(alice.keys), { mode: 0o600 });
        const second = await start(other.folder, `remotes = ["unix://${alice.folder}/trustix.socket"]\n${config}`);
        try {
          const after = await clientsOf(other.folder);
          const [log] = (await after.node.status({})).Published;
          expect([log!.Head, log!.Stopped]).toEqual([undefined, expect.stringContaining("1")]);
          expect(second.lines.join("")).toMatch(/nothing is signed/);
          await after.log.submit({ LogID: alice.logId, Items: [item("k", "other")] });
          await expect(after.log.flush({ LogID: alice.logId })).rejects.toThrow(/failed_precondition/);
        } finally {
          await second.daemon.close();
        }
      } finally {
        await first.daemon.close();
      }
    });
  });
});

describe("a daemon that cannot start says why, and leaves nothing behind", () => {
  test("a second one on the same state", async () => {
    await inFolder(async (root) => {
      const alice = await party(root, "alice");
      const first = await start(alice.folder, publisherToml(alice));
      const error = await refusedWith(start(alice.folder, publisherToml(alice), {}, ["http://127.0.0.1:0"]));
      expect([error.code, error.message]).toEqual(["locked", expect.stringContaining("alice/state")]);
      expect(error.hint).toMatch(/`trustix status` .* another --state/);
      await first.daemon.close();
      await (await start(alice.folder, publisherToml(alice))).daemon.close();
    });
  });

  test("a socket that somebody answers at: the store is free again afterwards", async () => {
    await inFolder(async (root) => {
      const [alice, bob] = [await party(root, "alice"), await party(root, "bob")];
      const first = await start(alice.folder, publisherToml(alice));
      const listen = [`unix://${alice.folder}/trustix.socket`];
      const error = await refusedWith(start(bob.folder, publisherToml(bob), {}, listen));
      expect([error.code, error.message]).toEqual(["locked", expect.stringContaining("another process answers")]);
      await (await start(bob.folder, publisherToml(bob))).daemon.close();
      await first.daemon.close();
    });
  });

  test("a token file that is none", async () => {
    await inFolder(async (root) => {
      const alice = await party(root, "alice");
      const file = join(alice.folder, "my.token");
      await writeFile(file, "nonsense");
      const env = { TRUSTIX_TOKEN: file };
      const error = await refusedWith(start(alice.folder, publisherToml(alice), env));
      expect(error.code).toBe("bad_config");
      expect(error.message).toContain(`TRUSTIX_TOKEN names the token file ${file}: `);
      await rm(file);
      const stale = await refusedWith(start(alice.folder, publisherToml(alice), env));
      expect(stale.message).toContain(`TRUSTIX_TOKEN names the token file ${file}: ENOENT`);
      expect(stale.hint).toBe(
        "without TRUSTIX_TOKEN the node takes trustix.token in its state folder, and makes it if there is none",
      );
      await writeFile(file, formatPrivateKey(alice.keys).replace(/^/, "mine:"));
      await (await start(alice.folder, publisherToml(alice), env)).daemon.close();
      await expect(stat(join(alice.folder, "state/trustix.token"))).rejects.toThrow(/ENOENT/);
    });
  });
});

test("by default a daemon listens on its socket alone, which others cannot open", async () => {
  await inFolder(async (root) => {
    const alice = await party(root, "alice");
    const { daemon } = await start(alice.folder, publisherToml(alice));
    expect(daemon.urls).toEqual([`unix://${alice.folder}/trustix.socket`]);
    expect((await stat(join(alice.folder, "trustix.socket"))).mode & 0o777).toBe(0o660);
    const started = Date.now();
    await daemon.close();
    expect(Date.now() - started).toBeLessThan(2000);
  });
});
