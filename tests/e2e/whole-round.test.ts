/** Four builders, one compromised, and a real Nix client that trusts nothing but the proxy's key. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildEverywhere } from "../../examples/four-planets/act-build.ts";
import type { Built } from "../../examples/four-planets/act-build.ts";
import { claimsOf } from "../../examples/four-planets/act-decide.ts";
import { PLANETS, startNetwork } from "../../examples/four-planets/network.ts";
import type { Network } from "../../examples/four-planets/network.ts";
import { hashPart, makeFolder, NIXES, silent } from "./nixes.ts";

const NO_SUBSTITUTE = /don't know how to build|no substituter|is not valid|required, but/;

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("four planets", () => {
    let network: Network;
    let built: Built;

    beforeAll(async () => {
      const compression = { mercury: "xz", venus: "zstd", saturn: "zstd", mars: "none" } as const;
      network = await startNetwork({ folder: await makeFolder(), nix, compression });
      built = await buildEverywhere(network, silent, nix!.version);
      await network.observer.startProxy();
    });
    afterAll(() => network?.close());

    test("three builders have the same bytes for the path, the compromised one has others", async () => {
      const hashes = await Promise.all(PLANETS.map((name) => network.planets[name].party!.hashOf(built.rocket)));
      const [mercury, venus, saturn, mars] = hashes;
      expect([venus, mars]).toEqual([mercury, mercury]);
      expect(saturn).not.toBe(mercury);
      expect(existsSync(join(network.planets.saturn.party!.onDisk(built.rocket), "implant"))).toBe(true);
      const verdict = await network.observer.calls.decide(built.rocket);
      expect(await claimsOf(network, verdict)).toEqual(PLANETS.map((name, i) => [name, hashes[i]]));
    });

    test("the agreed path and its closure install with signatures required", async () => {
      const client = await network.client("client");
      const { code, stderr } = await client.realise(built.rocket);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      await client.ok("nix-store", ["--verify", "--check-contents"]);
      await client.ok("nix", ["store", "verify", "--recursive", "--sigs-needed", "1", built.rocket]);
      const closure = (await client.ok("nix-store", ["--query", "--requisites", built.rocket])).split("\n");
      expect(closure.length).toBeGreaterThanOrEqual(3);
      for (const path of closure) {
        expect(await client.hashOf(path)).toBe(await network.planets.mars.party!.hashOf(path));
        expect(existsSync(join(client.onDisk(path), "implant"))).toBe(false);
      }
    });

    test("the compromised builder's version is not taken even when its cache alone has the path", async () => {
      const honest = PLANETS.filter((name) => name !== "saturn").map((name) => network.planets[name].cache);
      for (const cache of honest) cache.misbehave = (_request, response) => (response.writeHead(404).end(), true);
      try {
        const client = await network.client("lonely-client");
        const { code } = await client.realise(built.rocket);
        expect(code).not.toBe(0);
        expect(existsSync(client.onDisk(built.rocket))).toBe(false);
      } finally {
        for (const cache of honest) cache.misbehave = undefined;
      }
    });

    test("an honest path that differs on every build has no quorum and is refused", async () => {
      const client = await network.client("client");
      const { code, stderr } = await client.realise(built.telemetry);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(NO_SUBSTITUTE);
      const { decided, votes } = await network.observer.calls.decide(built.telemetry);
      expect(decided).toBeUndefined();
      expect(new Set(votes.map(({ digest }) => Buffer.from(digest!).toString("hex"))).size).toBe(4);
    });

    test("a client that trusts another key does not take the proxy's signature", async () => {
      const { publicKey } = await network.planets.mars.party!.makeKey("stranger-1");
      const stranger = await network.client("stranger", { "trusted-public-keys": publicKey });
      const { code, stderr } = await stranger.realise(built.rocket);
      expect(code).not.toBe(0);
      expect(stderr).toContain("signed by any of the keys");
    });

    test("nix-build takes what has a quorum and builds the rest itself", async () => {
      const client = await network.client("building-client");
      await client.ok("nix-build", [network.expression, "-A", "rocket", "-A", "telemetry", "--no-out-link"]);
      const infos = await client.ok("nix-store", ["--query", "--deriver", built.telemetry]);
      expect(infos).toMatch(/telemetry-0\.3\.drv$/);
      expect(await client.hashOf(built.rocket)).toBe(await network.planets.mars.party!.hashOf(built.rocket));
      const own = await client.hashOf(built.telemetry);
      for (const name of PLANETS) expect(await network.planets[name].party!.hashOf(built.telemetry)).not.toBe(own);
    });

    test("what was made for one machine is in no log", async () => {
      expect(built.local).toHaveLength(2);
      for (const path of built.local) {
        const { votes } = await network.observer.calls.decide(path);
        expect(votes.map(({ outcome }) => outcome)).toEqual(["absent", "absent", "absent", "absent"]);
        expect((await fetch(`${network.observer.proxyUrl}/${hashPart(path)}.narinfo`)).status).toBe(404);
      }
    });
  });
});
