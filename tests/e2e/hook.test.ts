/** The hook under real Nix: nothing that happens to it fails a build or loses what was built. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HOOK_SCRIPT } from "@trustix/nix";
import { makeNixParty, removeStores, run, runOk, writeDemoPackages } from "@trustix/testkit/nix";
import type { NixParty } from "@trustix/testkit/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logSize } from "../../examples/four-planets/act-build.ts";
import { makePlanet } from "../../examples/four-planets/planet.ts";
import type { Planet } from "../../examples/four-planets/planet.ts";
import { Program, until } from "../../examples/four-planets/program.ts";
import { TRUSTIX_NIX } from "../../examples/four-planets/programs.ts";
import { makeFolder, NIXES } from "./nixes.ts";

const ATTRIBUTES = ["rocket", "telemetry", "mission-plan", "crew-list", "fuel", "engine.doc"];
/** rocket, telemetry, mission-plan, crew-list, fuel and engine; three of engine's outputs are in one item. */
const ITEMS = 6;
const CLAIMS = 6;
/** A mount namespace of our own, for root and for those who may make a user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];

const items = async (spool: string) => (await readdir(spool)).filter((name) => name.endsWith(".item"));

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("the hook", () => {
    let folder: string;
    let expression: string;
    let counter = 0;
    const planets: Planet[] = [];

    beforeAll(async () => {
      folder = await makeFolder();
      expression = await writeDemoPackages(join(folder, "packages"));
    });
    afterAll(async () => {
      for (const planet of planets) await planet.close();
      await removeStores(folder);
    });

    async function newPlanet(): Promise<Planet> {
      const planet = await makePlanet({ name: "mars", folder: join(folder, `planet${counter++}`), nix });
      planets.push(planet);
      return planet;
    }
    async function newParty(settings: Record<string, string>, env: Record<string, string>): Promise<NixParty> {
      return makeNixParty({ folder: join(folder, `party${counter++}`), nix: nix!, settings, env });
    }

    test("with the node down nothing is lost: all of it is in the log once the node is up", async () => {
      const planet = await newPlanet();
      await planet.party!.build(expression, ATTRIBUTES);
      expect(await items(planet.spool)).toHaveLength(ITEMS);
      await planet.start();
      // Exactly these: the two that were made for one machine are not among them.
      expect(await logSize(planet, CLAIMS)).toBe(CLAIMS);
      await until("the spool is empty", async () => ((await items(planet.spool)).length === 0 ? true : undefined));
      expect(await readdir(join(planet.spool, "bad")).catch(() => [])).toEqual([]);
    });

    test("a second worker is refused and told who drains the spool; when that one dies the next takes over", async () => {
      const planet = await newPlanet();
      await planet.start();
      const address = ["--address", planet.socket];
      const env = { ...planet.party!.env, TRUSTIX_TOKEN: join(planet.folder, "state", "trustix.token") };
      const second = await run(TRUSTIX_NIX, ["spool", "--once", ...address], { env });
      expect(second.code).not.toBe(0);
      expect(second.stderr).toContain(`drained by pid ${planet.daemon!.pid}`);

      await planet.daemon!.kill();
      await planet.party!.build(expression, ["fuel"]);
      const down = await run(TRUSTIX_NIX, ["spool", "--once", ...address], { env });
      expect(down.code).not.toBe(0);
      expect(await items(planet.spool)).toHaveLength(1);
      await planet.start();
      expect(await logSize(planet, 1)).toBe(1);
    });

    test("a node that is killed while builds go on loses nothing", async () => {
      const planet = await newPlanet();
      await planet.start();
      const building = planet.party!.build(expression, ATTRIBUTES);
      await until("the first item or claim", async () => {
        const { Published } = await planet.calls.status();
        return Number(Published[0]?.Head?.TreeSize ?? 0) > 0 || (await items(planet.spool)).length > 0
          ? true
          : undefined;
      });
      await planet.daemon!.kill();
      await building;
      await planet.start();
      expect(await logSize(planet, CLAIMS)).toBe(CLAIMS);
    });

    test("a spool that others can write to stops no build, and the worker refuses it too", async () => {
      const spool = join(folder, `open-spool${counter++}`);
      await mkdir(spool);
      await chmod(spool, 0o777);
      const party = await newParty({ "post-build-hook": HOOK_SCRIPT }, { TRUSTIX_SPOOL: spool });
      const { code, stderr } = await party.run("nix-build", [expression, "-A", "fuel", "--no-out-link"]);
      expect(code).toBe(0);
      expect(stderr).toContain("others may write to it");
      expect(await readdir(spool)).toEqual([]);
      const worker = await run(TRUSTIX_NIX, ["spool", "--once"], { env: { ...party.env, TRUSTIX_SPOOL: spool } });
      expect(worker.code).not.toBe(0);
      expect(worker.stderr).toContain("others may write to");
    });

    test("a full disk stops no build, is reported, and leaves no half-written item", async () => {
      const party = await newParty({ "post-build-hook": HOOK_SCRIPT }, {});
      const spool = join(folder, `full-spool${counter++}`);
      await mkdir(spool, { mode: 0o700 });
      const build = 'nix-build "$EXPRESSION" -A rocket --no-out-link';
      const script = `mount -t tmpfs -o size=4k,mode=700 none "$SPOOL" && head -c 4096 /dev/zero > "$SPOOL/ballast"
        ${build} && echo built && ls -A "$SPOOL"`;
      const env = { ...party.env, SPOOL: spool, TRUSTIX_SPOOL: spool, EXPRESSION: expression };
      const { code, stdout, stderr } = await run("unshare", [...UNSHARE, "sh", "-c", script], { env });
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).toContain("cannot write to the spool");
      expect(stdout.trim().split("\n").slice(-2)).toEqual(["built", "ballast"]);
    });

    test.each(["sh", "busybox sh"])("a disk that fills up in the middle of an item is noticed by %s", async (shell) => {
      const party = await newParty({}, {});
      const text = `let big = builtins.substring 0 60000 (builtins.concatStringsSep "" (builtins.genList (n: "0123456789") 6000));
        in derivation { name = "big"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; inherit big; }`;
      const big = join(folder, `big${counter++}.nix`);
      await writeFile(big, text);
      const drv = await party.ok("nix-instantiate", [big]);
      await party.ok("nix-store", ["--realise", drv]);
      const spool = join(folder, `small-spool${counter++}`);
      await mkdir(spool, { mode: 0o700 });
      const script = `mount -t tmpfs -o size=16k,mode=700 none "$TRUSTIX_SPOOL" && ${shell} "$HOOK" && ls -A "$TRUSTIX_SPOOL"`;
      const env = { ...party.env, TRUSTIX_SPOOL: spool, DRV_PATH: drv, OUT_PATHS: "", HOOK: HOOK_SCRIPT };
      const { code, stdout, stderr } = await run("unshare", [...UNSHARE, "sh", "-c", script], { env });
      expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "" });
      expect(stderr).toContain("cannot write to the spool");
    });

    test("a content-addressed derivation is noted, whether or not Nix tells what came out", async () => {
      const spool = join(folder, `ca-spool${counter++}`);
      const settings = { "post-build-hook": HOOK_SCRIPT, "experimental-features": "nix-command ca-derivations" };
      const party = await newParty(settings, { TRUSTIX_SPOOL: spool });
      const file = join(folder, `ca${counter++}.nix`);
      await writeFile(
        file,
        `derivation { name = "floating"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo floating > $out" ];
          __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; }`,
      );
      await party.ok("nix-build", [file, "--no-out-link"]);
      const names = await items(spool);
      expect(names.length).toBeGreaterThanOrEqual(1);
      for (const name of names) {
        const text = await readFile(join(spool, name), "utf8");
        // Without a path --dump-db would have printed the whole store: blueprint and all.
        expect(text.match(/^\/nix\/store/gm)?.length ?? 0).toBeLessThanOrEqual(3);
        expect(text).toContain("-floating.drv");
      }
    });

    test("under a Nix daemon the daemon's hook and spool are used, whatever the client says", async () => {
      const spool = join(folder, `daemon-spool${counter++}`);
      const host = await newParty({ "post-build-hook": HOOK_SCRIPT }, { TRUSTIX_SPOOL: spool });
      const socket = join(folder, `nix${counter++}.sock`);
      const daemon = new Program({
        name: "nix-daemon",
        command: join(nix!.folder ?? "", "nix-daemon"),
        args: ["--daemon"],
        env: { ...host.env, NIX_DAEMON_SOCKET_PATH: socket },
      });
      try {
        await until("the Nix daemon listens", async () => (existsSync(socket) ? true : undefined));
        const elsewhere = join(folder, `client-spool${counter++}`);
        const store = `unix://${socket}?root=${join(host.folder, "root")}`;
        const client = await newParty({ store }, { TRUSTIX_SPOOL: elsewhere });
        await client.build(expression, ["fuel"]);
        expect(await items(spool)).toHaveLength(1);
        expect(existsSync(elsewhere)).toBe(false);
      } finally {
        await daemon.stop();
      }
    });

    test("submit-closure submits what was built here and names what was copied", async () => {
      const planet = await newPlanet();
      await planet.start();
      const builder = await newParty({}, {});
      const paths = await builder.build(expression, ["rocket", "telemetry"]);
      const env = {
        ...builder.env,
        TRUSTIX_RPC: planet.socket,
        TRUSTIX_TOKEN: join(planet.folder, "state", "trustix.token"),
      };
      const answer = JSON.parse(await runOk(TRUSTIX_NIX, ["submit-closure", "--json", ...paths], { env })) as unknown;
      expect(JSON.stringify(answer)).toContain(paths[0]!);
      // rocket, engine's output it refers to, fuel, telemetry
      expect(await logSize(planet, 4)).toBe(4);

      const cache = await builder.copyToCache(paths);
      const copier = await newParty({ substituters: `file://${cache}`, "require-sigs": "false" }, {});
      await copier.ok("nix-store", ["--realise", paths[0]!]);
      const again = await run(TRUSTIX_NIX, ["submit-closure", paths[0]!], { env: { ...env, ...copier.env } });
      expect(`${again.stdout}${again.stderr}`).toContain("not built here");
      expect(await logSize(planet, 4)).toBe(4);
      await rm(cache, { recursive: true });
    });
  });
});

test("the hook is an executable of its own", async () => {
  const { code } = await new Promise<{ code: number | null }>((resolve) => {
    const child = execFile(HOOK_SCRIPT, { env: { PATH: process.env["PATH"] } }, () =>
      resolve({ code: child.exitCode }),
    );
  });
  expect(code).toBe(0);
});
