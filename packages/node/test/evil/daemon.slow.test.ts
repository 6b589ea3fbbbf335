/** One whole daemon that follows an evil server and three honest ones, through every attack in turn. */
import { toBase64 } from "@trustix/crypto";
import { FakeLog } from "@trustix/testkit";
import { type AttackName, ATTACKS, BACKDOOR, GOOD, SIGNED_LIES, startEvilLog } from "@trustix/testkit/evil";
import { expect, onTestFinished, test } from "vitest";
import { inFolder } from "../server/test-node.ts";
import { crypto } from "../subscriber/network.ts";
import { clientsOf, party, start } from "../test-daemon.ts";
import { NAMES, until } from "./stage.ts";

/** These let callers wait, and whoever does is left alone for a while: one of them, the last attack, stands for all. */
const SLOW = /[hH]ang|slowDrip/;
const LAST: AttackName = "hangBeforeHeaders";
const QUICK = (Object.keys(ATTACKS) as AttackName[]).filter((name) => !(name in SIGNED_LIES) && !SLOW.test(name));
const KEYS = [...QUICK, LAST, "before", "after"];
/** A call that hangs is given up after 20 s, and the place is left alone for 60 s at most. */
const BACK_MS = 110_000;

/** Claims of all keys: `rare KEY` is not mars's. */
function honestLog(name: string): FakeLog {
  const log = new FakeLog(crypto, name);
  for (const key of KEYS) log.add([`tool ${key}`, GOOD], ...(name === "mars" ? [] : [[`rare ${key}`, GOOD] as const]));
  log.sign();
  return log;
}

const subscriberToml = ({ info }: FakeLog): string => `
[[subscribers]]
name = "${info.meta["name"] ?? info.id.slice(0, 8)}"
protocol = "test"
syncmode = "light"
[subscribers.publicKey]
type = "ed25519"
key = "${toBase64(info.publicKey)}"
`;

test("no attack ends it, holds it up beyond its budgets, or makes it decide anything but the honest value", async () => {
  await inFolder(async (root) => {
    const logs = NAMES.map(honestLog);
    const servers = await Promise.all(logs.map((log) => startEvilLog({ crypto, logs: [log] })));
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))));
    const evil = servers[3]!;
    const { folder } = await party(root, "follower");
    const { daemon, lines } = await start(
      folder,
      `remotes = [${servers.map(({ url }) => JSON.stringify(url)).join(", ")}]
       poll-interval = 1
       [[decider."test"]]
       engine = "quorum"
       quorum.threshold = 3
       ${logs.map(subscriberToml).join("")}`,
    );
    onTestFinished(() => daemon.close());
    const { rpc, node } = await clientsOf(folder);

    /** The value, `undefined` where nothing is decided. */
    const decide = async (key: string): Promise<string | undefined> => {
      try {
        const { Decision } = await rpc.decide({ Key: Buffer.from(key), Protocol: "test" });
        return Buffer.from(Decision!.Value).toString();
      } catch (error) {
        expect(String(error)).toMatch(/failed_precondition/);
        return undefined;
      }
    };
    await until(async () => (await decide("rare before")) === GOOD);

    for (const name of [...QUICK, LAST]) {
      evil.turnOn(name);
      const begun = performance.now();
      expect(await decide(`tool ${name}`), name).toBe(GOOD);
      expect(await decide(`rare ${name}`), name).not.toBe(BACKDOOR);
      // Two budgets of 2 s for each, and a generous rest for a machine that has other things to do.
      expect(performance.now() - begun, name).toBeLessThan(30_000);
      expect((await node.status({})).Followed, name).toHaveLength(4);
      evil.turnOff();
    }
    await until(async () => (await decide("rare after")) === GOOD, BACK_MS);

    evil.turnOn("pastRewritten");
    await until(async () => lines.some((line) => line.includes("does not begin with the one of size")));
    const { Followed } = await node.status({});
    expect(Followed.filter(({ Against }) => Against?.includes("does not begin"))).toHaveLength(1);
    expect(lines.filter((line) => /TypeError|RangeError|is not a function/.test(line))).toEqual([]);
  });
}, 300_000);
