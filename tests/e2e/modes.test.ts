/**
 * What a user who trusts nobody blindly gets by the modes of a policy: each with a node and a proxy of its own over the same
 * four builders, and a real Nix client that trusts the proxy's key alone. And what needs no vote: content-addressed paths.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseNarInfo } from "@trustix/nix-formats";
import { makeNixParty, type NixParty } from "@trustix/testkit/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildEverywhere, type Built } from "../../examples/four-planets/act-build.ts";
import { PLANETS, startNetwork, type Network } from "../../examples/four-planets/network.ts";
import { makeObserver, type Observer } from "../../examples/four-planets/observer.ts";
import { programEnvironment, TRUSTIX } from "../../examples/four-planets/programs.ts";
import { hashPart, makeFolder, NIXES, silent } from "./nixes.ts";

const SIZE = 6;

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("four planets", () => {
    let network: Network;
    let built: Built;
    const observers: Observer[] = [];

    beforeAll(async () => {
      network = await startNetwork({ folder: await makeFolder(), nix });
      built = await buildEverywhere(network, silent, nix!.version);
    });
    afterAll(async () => {
      for (const observer of observers) await observer.close();
      await network?.close();
    });

    /** A user with this policy, whose upstreams are the planets' caches with their keys. */
    async function user(name: string, policy: string): Promise<Observer> {
      const planets = PLANETS.map((planet) => network.planets[planet]);
      const upstreams = planets.map(({ cache, cacheKey }) => {
        return `\n[[upstreams]]\nurl = "${cache.url}"\npublic-keys = ["${cacheKey}"]\n`;
      });
      const more = `${upstreams.join("")}\n${policy}\n`;
      const observer = await makeObserver({ name: "the user", folder: join(network.folder, name), planets, more });
      observers.push(observer);
      await observer.startDaemon();
      await observer.follows(planets, SIZE);
      await observer.startProxy();
      return observer;
    }

    const client = (observer: Observer, name: string): Promise<NixParty> =>
      makeNixParty({
        folder: join(observer.folder, name),
        nix: nix!,
        settings: {
          substituters: observer.proxyUrl,
          "trusted-public-keys": observer.proxyKey,
          "require-sigs": "true",
          "narinfo-cache-negative-ttl": "0",
        },
      });

    const ask = (observer: Observer, path: string) => fetch(`${observer.proxyUrl}/${hashPart(path)}.narinfo`);
    const rule = async (observer: Observer, path: string) =>
      (await ask(observer, path)).headers.get("trustix-decision") ?? "";

    /** Leaves saturn's cache, validly signed, as the only one that answers. */
    async function onlySaturn<T>(work: () => Promise<T>): Promise<T> {
      const honest = PLANETS.filter((name) => name !== "saturn").map((name) => network.planets[name].cache);
      for (const cache of honest) cache.misbehave = (_request, response) => (response.writeHead(404).end(), true);
      try {
        return await work();
      } finally {
        for (const cache of honest) cache.misbehave = undefined;
      }
    }

    test("observe installs what an upstream signed, whatever the vote, and says what the vote would have been", async () => {
      const observer = await user("observes", '[policy.nix]\nmode = "observe"');
      const nixOf = await client(observer, "client");
      const { telemetry, rocket } = built;
      expect(await nixOf.realise(telemetry)).toMatchObject({ code: 0 });
      expect(await rule(observer, telemetry)).toMatch(/^let-through; mode=observe; vote=undecided; rule="1 of 4 agree/);
      await onlySaturn(async () => {
        expect(await nixOf.realise(rocket)).toMatchObject({ code: 0 });
        expect(existsSync(join(nixOf.onDisk(rocket), "implant"))).toBe(true);
        expect(await rule(observer, rocket)).toMatch(/^let-through; mode=observe; vote=differs; rule="3 of 4 agree/);
      });
      await observer.proxy!.heard(/the voters decided other bytes of \S+-rocket-1\.0: 3 of 4 agree/);
      await observer.proxy!.heard(/undecided: \S+-telemetry-0\.3: .*signed is served/);
    });

    test("warn installs what is undecided with a warning, and never what the vote is against", async () => {
      const observer = await user("warned", '[policy.nix]\nmode = "warn"');
      const nixOf = await client(observer, "client");
      expect(await nixOf.realise(built.telemetry)).toMatchObject({ code: 0 });
      await observer.proxy!.heard(
        /undecided, and served nevertheless: \S+-telemetry-0\.3: 1 of 4 agree.*see \/explain\//,
      );
      await onlySaturn(async () => {
        expect((await nixOf.realise(built.rocket)).code).not.toBe(0);
        expect(await rule(observer, built.rocket)).toMatch(/^no-source; rule="3 of 4 agree/);
      });
    });

    test("trust-upstream installs what is undecided, and refuses what no configured key signed", async () => {
      const observer = await user("trusting", '[policy.nix]\nundecided = "trust-upstream"');
      const nixOf = await client(observer, "client");
      const others = PLANETS.map((name) => network.planets[name].cache);
      const unsigned = (text: string) => text.replace(/^Sig: .*\n/gm, "");
      for (const [i, cache] of others.entries()) {
        cache.misbehave = (request, response) => {
          if (!request.url!.endsWith(".narinfo")) return false;
          const file = join(network.planets[PLANETS[i]!].cacheFolder, request.url!.slice(1));
          void readFile(file, "utf8").then(
            (text) => response.end(unsigned(text)),
            () => response.writeHead(404).end(),
          );
          return true;
        };
      }
      try {
        expect((await nixOf.realise(built.telemetry)).code).not.toBe(0);
        expect(await rule(observer, built.telemetry)).toMatch(/^undecided; .*no upstream has it signed by a key/);
      } finally {
        for (const cache of others) cache.misbehave = undefined;
      }
      await observer.proxy!.stop();
      await observer.startProxy();
      expect(await nixOf.realise(built.telemetry)).toMatchObject({ code: 0 });
      expect(await rule(observer, built.telemetry)).toMatch(/^let-through; mode=enforce; vote=undecided;/);
    });

    test("enforce refuses what is undecided, except what an exception decides; the receipts of both verify elsewhere", async () => {
      const exceptions = `[[policy.nix.exceptions]]
match = "telemetry-*"
reason = "holds the time of its build"
expires = 2100-01-01
voters = ["mars"]`;
      const observer = await user("strict", exceptions);
      const nixOf = await client(observer, "client");
      expect(await nixOf.realise(built.telemetry)).toMatchObject({ code: 0 });
      expect(await nixOf.hashOf(built.telemetry)).toBe(await network.planets.mars.party!.hashOf(built.telemetry));
      expect(await rule(observer, built.telemetry)).toMatch(/^decided; rule=".*telemetry-\* \(holds the time/);
      expect(await nixOf.realise(built.rocket)).toMatchObject({ code: 0 });
      for (const path of built.local) expect((await nixOf.realise(path)).code).not.toBe(0);

      const folder = join(observer.folder, "state", "receipts");
      const receipt = (path: string) => join(folder, `${path.slice("/nix/store/".length)}.receipt`);
      await expect.poll(() => readdir(folder), { timeout: 10_000 }).toContain(`${built.rocket.slice(11)}.receipt`);
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      expect((await stat(receipt(built.rocket))).mode & 0o777).toBe(0o600);
      // What needed no vote, and what was refused, has none.
      const names = (await readdir(folder)).join(" ");
      expect(names).not.toMatch(/fuel|mission-plan|crew-list/);

      const run = promisify(execFile);
      const env = programEnvironment(observer.folder);
      const keys = await run(TRUSTIX, ["keys", "--config", observer.config, "--address", observer.socket], { env });
      const elsewhere = join(network.folder, "auditor");
      await mkdir(elsewhere, { recursive: true });
      await writeFile(join(elsewhere, "keys"), keys.stdout);
      const verify = (file: string) =>
        run(TRUSTIX, ["verify", file, "--keys", join(elsewhere, "keys")], { env: programEnvironment(elsewhere) });
      expect((await verify(receipt(built.rocket))).stdout).toMatch(/3 of 4 agree/);
      expect((await verify(receipt(built.telemetry))).stdout).toMatch(/telemetry-\*/);
      const [changed, bytes] = [join(elsewhere, "changed"), await readFile(receipt(built.rocket))];
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(changed, bytes);
      await expect(verify(changed)).rejects.toMatchObject({ code: 3 });

      const page = await fetch(`${observer.proxyUrl}/explain/${hashPart(built.rocket)}`);
      const text = await page.text();
      for (const part of ["Enough of them agree", "saturn", "Nix gets what was decided", "kept when it was served"])
        expect(text).toContain(part);
      const json = await fetch(`${observer.proxyUrl}/explain/${hashPart(built.rocket)}.json`);
      expect(await json.json()).toMatchObject({ decided: true, served: true, here: { outcome: "decided" } });
    });

    test("content-addressed paths install without a vote and without a signature, if they are what their name says", async () => {
      const observer = network.observer;
      await observer.startProxy();
      const party = network.planets.mars.party!;
      const files = join(network.folder, "sources");
      await mkdir(join(files, "tree"), { recursive: true });
      await writeFile(join(files, "tree", "a"), "a tree\n");
      await writeFile(join(files, "b"), "a file\n");
      await writeFile(join(files, "fixed.nix"), FIXED);
      const tree = await party.ok("nix", ["store", "add-path", "--name", "tree", join(files, "tree")]);
      const flat = await party.ok("nix", ["store", "add-file", "--name", "flat", join(files, "b")]);
      const text = await party.ok("nix-instantiate", [
        "--eval",
        "--read-write-mode",
        "-E",
        `builtins.toFile "note" "see ${tree}"`,
      ]);
      const note = text.replaceAll('"', "");
      const [long, fixed] = await party.build(join(files, "fixed.nix"), ["long", "wide"]);
      const named = [tree, flat, note, long!, fixed!];
      // A second cache folder would have no key: these are not signed at all.
      await party.copyToCache(named);
      const nixOf = await client(observer, "content-client");
      for (const path of named) {
        expect(await rule(observer, path), path).toMatch(/^content-addressed; rule="its name is the address/);
        const info = parseNarInfo(Buffer.from(await (await ask(observer, path)).arrayBuffer()));
        expect(info.signatures).toEqual([]);
        expect(await nixOf.realise(path), path).toMatchObject({ code: 0 });
        expect(await nixOf.hashOf(path)).toBe(await party.hashOf(path));
      }
      await nixOf.ok("nix-store", ["--verify", "--check-contents"]);
    });

    test("a content-addressed path with other bytes never reaches the client", async () => {
      const { observer } = network;
      const party = network.planets.mars.party!;
      const file = join(network.folder, "sources", "c");
      await writeFile(file, "what was meant\n");
      const path = await party.ok("nix", ["store", "add-file", "--name", "tampered", file]);
      await party.copyToCache([path], { compression: "none" });
      const { cacheFolder } = network.planets.mars;
      const infoFile = join(cacheFolder, `${hashPart(path)}.narinfo`);
      const info = parseNarInfo(await readFile(infoFile));
      // A cache that lies consistently: another file, its hash, its NAR's hash, and the same address.
      const evil = join(network.folder, "sources", "d");
      await writeFile(evil, "what was sent.\n");
      const evilPath = await party.ok("nix", ["store", "add-file", "--name", "tampered", evil]);
      await party.copyToCache([evilPath], { compression: "none" });
      const evilText = await readFile(join(cacheFolder, `${hashPart(evilPath)}.narinfo`), "utf8");
      const lie = (await readFile(infoFile, "utf8")).replace(
        /^(URL|FileHash|FileSize|NarHash|NarSize): .*$/gm,
        (line) => {
          const name = line.slice(0, line.indexOf(":"));
          return evilText.split("\n").find((other) => other.startsWith(`${name}:`))!;
        },
      );
      expect(parseNarInfo(Buffer.from(lie)).ca).toEqual(info.ca);
      await chmod(infoFile, 0o644);
      await writeFile(infoFile, lie);
      const nixOf = await client(observer, "careful-client");
      expect((await nixOf.realise(path)).code).not.toBe(0);
      expect(existsSync(nixOf.onDisk(path))).toBe(false);
      await observer.proxy!.heard(/not delivered: its content has the hash/);
    });
  });
});

const FIXED = `
let fixed = name: algo: hash: mode: script: derivation {
  inherit name;
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-ec" script ];
  outputHashMode = mode;
  outputHashAlgo = algo;
  outputHash = hash;
};
in {
  long = fixed "long" "sha512" (builtins.hashString "sha512" "long\\n") "flat" "echo long > $out";
  wide = fixed "wide" "sha256" "sha256:00qny24aix3v8ha0ls90rbjbin5hlsy3w1dwrsb7dsa32c8jwrq4" "recursive" "mkdir $out; echo wide > $out/wide";
}
`;
