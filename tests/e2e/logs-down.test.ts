/**
 * Logs that are away, and a log that lies about its past. A node that asks the logs decides nothing with fewer of them, and
 * what was decided stays decided; a node that copied them needs none of them.
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RemoteStatus_States } from "@trustix/proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildEverywhere, logSize } from "../../examples/four-planets/act-build.ts";
import type { Built } from "../../examples/four-planets/act-build.ts";
import { startNetwork } from "../../examples/four-planets/network.ts";
import type { Network } from "../../examples/four-planets/network.ts";
import { until } from "../../examples/four-planets/program.ts";
import { hashPart, makeFolder, NIXES, silent } from "./nixes.ts";

const { name, nix } = NIXES[0]!;
/** What the user's node waits for votes. */
const BUDGET_MS = 2000;

describe.skipIf(nix === undefined)(`with ${name}, asking the logs`, () => {
  let network: Network;
  let built: Built;

  beforeAll(async () => {
    network = await startNetwork({ folder: await makeFolder(), nix, syncmode: "light" });
    built = await buildEverywhere(network, silent, nix!.version);
    await network.observer.startProxy();
  });
  afterAll(() => network?.close());

  const narinfo = (path: string) => fetch(`${network.observer.proxyUrl}/${hashPart(path)}.narinfo`);

  test("two logs that hang cost a decision its budget and decide nothing; once they answer, it is decided", async () => {
    const fuel = (await network.planets.mars.party!.build(network.expression, ["fuel"]))[0]!;
    const hanging = [network.planets.mercury, network.planets.venus];
    for (const planet of hanging) planet.daemon!.freeze();
    try {
      const started = performance.now();
      const { decided, votes } = await network.observer.calls.decide(fuel);
      expect(performance.now() - started).toBeLessThan(3 * BUDGET_MS);
      expect(decided).toBeUndefined();
      expect(votes.map(({ outcome }) => outcome).sort()).toEqual(["claims", "claims", "unreachable", "unreachable"]);
    } finally {
      for (const planet of hanging) planet.daemon!.thaw();
    }
    const { value } = await until("all decide", async () => (await network.observer.calls.decide(fuel)).decided);
    expect(value.path).toBe(fuel);
  });

  test("with two logs down a path not yet decided is refused, though all that answer agree on it", async () => {
    await (await network.client("early-client")).realise(built.rocket).then(({ code }) => expect(code).toBe(0));
    const engineDoc = (await network.planets.mars.party!.build(network.expression, ["engine.doc"]))[0]!;
    const hashes = [network.planets.venus, network.planets.mars].map((planet) => planet.party!.hashOf(engineDoc));
    expect((await Promise.all(hashes)).every((hash, _i, [first]) => hash === first)).toBe(true);

    await network.planets.mercury.daemon!.stop();
    await network.planets.saturn.daemon!.kill();
    const { decided, votes } = await network.observer.calls.decide(engineDoc);
    expect(decided).toBeUndefined();
    expect(votes.map(({ outcome }) => outcome).sort()).toEqual(["claims", "claims", "unreachable", "unreachable"]);
    expect((await narinfo(engineDoc)).status).toBe(404);
    const client = await network.client("client");
    expect((await client.realise(engineDoc)).code).not.toBe(0);
  });

  test("what was decided before is still served while they are down", async () => {
    const client = await network.client("late-client");
    expect(await client.realise(built.rocket)).toMatchObject({ code: 0 });
    expect(await client.hashOf(built.rocket)).toBe(await network.planets.mars.party!.hashOf(built.rocket));
  });

  test("when one is back, three answer and the path is decided", async () => {
    await network.planets.mercury.start();
    const engineDoc = (await network.planets.mars.party!.build(network.expression, ["engine.doc"]))[0]!;
    await until("three logs decide", async () => (await network.observer.calls.decide(engineDoc)).decided);
    // An undecided path is asked again after 10 s.
    const found = await until(
      "the proxy serves it",
      async () => ((await narinfo(engineDoc)).ok ? true : undefined),
      30_000,
    );
    expect(found).toBe(true);
    await network.planets.saturn.start();
  });

  test("a log that rewrites its history is refused, and claims nothing any more", async () => {
    const { mercury, venus, mars } = network.planets;
    const before = await logSize(venus, 6);
    await venus.daemon!.kill();
    // The same key begins anew, with another past of the same length.
    await rm(join(venus.folder, "state"), { recursive: true });
    await rm(join(venus.folder, "heads"), { recursive: true });
    await venus.start();
    const forge = venus.party!;
    const expression = join(network.folder, "packages", "other-past.nix");
    const packages = Array.from({ length: before }, (_, n) => `p${n} = mk "past-${n}";`).join(" ");
    const mk =
      'name: derivation { inherit name; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; }';
    await writeFile(expression, `let mk = ${mk}; in { ${packages} }`);
    await forge.build(
      expression,
      Array.from({ length: before }, (_, n) => `p${n}`),
    );
    await logSize(venus, before);

    const refused = await until("the rewritten log is refused", async () => {
      const { Followed } = await network.observer.calls.status();
      const log = Followed.find((followed) => followed.Log?.LogID === venus.logId);
      const place = log?.Remotes.find(({ URL, State }) => URL === venus.url && State === RemoteStatus_States.REFUSED);
      // Convicted by its own heads where they prove it, else refused for want of a proof.
      return log?.Against || place?.Why;
    });
    expect(refused).toMatch(/heads? of size \d+|went back|smaller/);

    const past = (await forge.build(expression, ["p0"]))[0]!;
    const { decided, votes } = await network.observer.calls.decide(past);
    expect(decided).toBeUndefined();
    expect(votes.find(({ logId }) => logId === venus.logId)?.outcome).not.toBe("claims");
    // The others are not harmed by it, and three honest ones would still be needed.
    const rocket = await network.observer.calls.decide(built.rocket);
    const claims = rocket.votes.filter(({ outcome }) => outcome === "claims").map(({ logId }) => logId);
    expect(claims).toEqual(expect.arrayContaining([mercury.logId, mars.logId]));
  });
});

describe.skipIf(nix === undefined)(`with ${name}, from copies of the logs`, () => {
  let network: Network;
  let built: Built;

  beforeAll(async () => {
    network = await startNetwork({ folder: await makeFolder(), nix });
    built = await buildEverywhere(network, silent, nix!.version);
    await network.observer.startProxy();
  });
  afterAll(() => network?.close());

  const planets = () => Object.values(network.planets);
  const outcomes = async (path: string) =>
    (await network.observer.calls.decide(path)).votes.map((vote) => vote.outcome);

  test("logs that hang hold up no decision", async () => {
    for (const planet of planets()) planet.daemon!.freeze();
    try {
      const started = performance.now();
      const { decided } = await network.observer.calls.decide(built.rocket);
      expect(decided?.value.path).toBe(built.rocket);
      expect(performance.now() - started).toBeLessThan(BUDGET_MS);
    } finally {
      for (const planet of planets()) planet.daemon!.thaw();
    }
  });

  test("with every log gone, a client installs what three agreed on, also after a restart of the node", async () => {
    await Promise.all(planets().map((planet) => planet.daemon!.kill()));
    const { observer } = network;
    await observer.daemon!.stop();
    await observer.startDaemon();
    const client = await network.client("client");
    expect(await client.realise(built.rocket)).toMatchObject({ code: 0 });
    expect(await client.hashOf(built.rocket)).toBe(await network.planets.mars.party!.hashOf(built.rocket));
    expect(await outcomes(built.rocket)).toEqual(Array(4).fill("claims"));
  });

  test("and what none of them knew by then stays refused, proved absent by the copies", async () => {
    const [antenna] = await network.planets.mars.party!.build(network.expression, ["antenna"]);
    expect(await outcomes(antenna!)).toEqual(Array(4).fill("absent"));
    const client = await network.client("client");
    expect((await client.realise(antenna!)).code).not.toBe(0);
  });

  test("once they are back, it is built upon where the copies ended", async () => {
    await Promise.all(planets().map((planet) => planet.start()));
    const paths = await Promise.all(planets().map((planet) => planet.party!.build(network.expression, ["antenna"])));
    const decision = async () => (await network.observer.calls.decide(paths[0]![0]!)).decided;
    expect((await until("antenna is decided", decision)).value.path).toBe(paths[0]![0]);
  });
});
