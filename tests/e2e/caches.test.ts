/** Three binary caches made by `nix copy`, three keys, no Trustix log anywhere: two that agree are enough, one is not. */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { compromisedSandbox, DEMO_PACKAGES, removeStores, writeDemoPackages } from "@trustix/testkit/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCacheParty, makeCacheUser, type CacheParty, type CacheUser } from "./cache-user.ts";
import { hashPart, makeFolder, NIXES } from "./nixes.ts";

const NAMES = ["big", "small", "broken"] as const;
const NO_SUBSTITUTE = /don't know how to build|no substituter|is not valid|required, but/;

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("three caches", () => {
    let folder: string;
    let expression: string;
    let parties: Record<(typeof NAMES)[number], CacheParty>;
    let user: CacheUser;
    let rocket: string;
    let telemetry: string;
    let plan: string;

    beforeAll(async () => {
      folder = await makeFolder();
      expression = await writeDemoPackages(join(folder, "packages"));
      const altering = await compromisedSandbox(join(folder, "sandbox"));
      const made = await Promise.all(
        NAMES.map((name) => makeCacheParty(folder, name, nix!, name === "broken" ? altering : {})),
      );
      parties = Object.fromEntries(made.map((one) => [one.name, one])) as typeof parties;
      const { app, unreproducible, local } = DEMO_PACKAGES;
      for (const { name, party, offer } of made) {
        const paths = await party.build(expression, [app, unreproducible, local]);
        [rocket, telemetry, plan] = paths as [string, string, string];
        // What was made for one machine is offered by the broken cache alone.
        await offer(name === "broken" ? paths : [rocket, telemetry]);
      }
      user = await makeCacheUser(folder, nix!, made, 2);
      await user.start();
    });
    afterAll(async () => {
      await user?.calls.close();
      await user?.stop();
      for (const { cache } of Object.values(parties ?? {})) await cache.close();
      await removeStores(folder);
    });

    test("what two of three agree on installs with its closure; the altered one is outvoted", async () => {
      expect(await parties.broken.party.hashOf(rocket)).not.toBe(await parties.big.party.hashOf(rocket));
      const client = await user.client("client");
      const { code, stderr } = await client.realise(rocket);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      await client.ok("nix", ["store", "verify", "--recursive", "--sigs-needed", "1", rocket]);
      const closure = (await client.ok("nix-store", ["--query", "--requisites", rocket])).split("\n");
      expect(closure.length).toBeGreaterThanOrEqual(3);
      for (const path of closure) {
        expect(await client.hashOf(path)).toBe(await parties.big.party.hashOf(path));
        expect(existsSync(join(client.onDisk(path), "implant"))).toBe(false);
      }
      const narInfo = await (await fetch(`${user.proxyUrl}/${hashPart(rocket)}.narinfo`)).text();
      const signers = [...narInfo.matchAll(/^Sig: ([^:]+):/gm)].map(([, name]) => name);
      expect(new Set(signers)).toEqual(new Set(["my-proxy-1", "big-1", "small-1"]));
      const { votes } = await user.calls.decide(rocket);
      expect(votes.map(({ outcome }) => outcome)).toEqual(["claims", "claims", "claims"]);
    });

    test("what one cache alone has is refused, however well it is signed", async () => {
      const client = await user.client("client");
      const { code, stderr } = await client.realise(plan);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(NO_SUBSTITUTE);
      const { decided, reason } = await user.calls.decide(plan);
      expect(decided).toBeUndefined();
      expect(reason).toMatch(/^1 of 3 agree, 2 needed; .*it says that it has none/);
    });

    test("what differs on every build is refused", async () => {
      expect((await (await user.client("client")).realise(telemetry)).code).not.toBe(0);
    });

    test("what was decided installs after a restart, when all caches but one are down", async () => {
      await user.stop();
      const gone = (_request: unknown, response: { writeHead(code: number): { end(): void } }) => (
        response.writeHead(503).end(),
        true
      );
      parties.small.cache.misbehave = gone;
      parties.broken.cache.misbehave = gone;
      try {
        await user.start();
        const client = await user.client("later-client");
        expect(await client.realise(rocket)).toMatchObject({ code: 0 });
        expect(await client.hashOf(rocket)).toBe(await parties.big.party.hashOf(rocket));
        const { decided } = await user.calls.decide(rocket);
        expect(decided).toMatchObject({ confidence: 66 });
      } finally {
        parties.small.cache.misbehave = undefined;
        parties.broken.cache.misbehave = undefined;
      }
    });

    test("a cache that builds a path again and signs the new result leaves evidence that its own key signed", async () => {
      const { big } = parties;
      await user.stop();
      // So that caches are asked again now, and not tomorrow.
      await user.start("[policy.nix]\nmax-head-age = 1");
      await user.calls.decide(telemetry);
      const first = await readFile(join(big.folder, `${hashPart(telemetry)}.narinfo`), "utf8");
      await big.party.ok("nix-store", ["--delete", telemetry]);
      const [again] = await big.party.build(expression, [DEMO_PACKAGES.unreproducible]);
      expect(again).toBe(telemetry);
      // Nix leaves a narinfo alone that is there already.
      await rm(join(big.folder, `${hashPart(telemetry)}.narinfo`));
      await big.offer([telemetry]);
      const second = await readFile(join(big.folder, `${hashPart(telemetry)}.narinfo`), "utf8");
      await expect
        .poll(
          async () => {
            await user.calls.decide(telemetry);
            return JSON.parse((await user.trustix("evidence", "list", "--json")).stdout) as { id: string }[];
          },
          { timeout: 60_000, interval: 500 },
        )
        .toHaveLength(1);
      const listed = JSON.parse((await user.trustix("evidence", "list", "--json")).stdout) as { id: string }[];
      const file = join(folder, "big.evidence.json");
      expect(await user.trustix("evidence", "export", listed[0]!.id, file)).toMatchObject({ code: 0 });
      const { narInfos } = JSON.parse(await readFile(file, "utf8")) as { narInfos: string[] };
      expect(narInfos).toEqual([first, second]);
      const verify = (key: string) => user.trustix("evidence", "verify", file, "--public-key", key);
      expect(await verify(big.publicKey)).toMatchObject({ code: 0 });
      expect(await verify(parties.small.publicKey)).toMatchObject({ code: 3 });
    });
  });
});
