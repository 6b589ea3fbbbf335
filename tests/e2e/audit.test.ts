/**
 * `trustix audit` of what a real Nix has installed, with everything in one closure that can be in one; and of a whole
 * machine by its /run/current-system and its user's profile.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeNixParty, removeStores, run, type NixParty, type RunResult } from "@trustix/testkit/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildEverywhere, type Built } from "../../examples/four-planets/act-build.ts";
import { PLANETS, startNetwork, type Network } from "../../examples/four-planets/network.ts";
import { makeObserver, type Observer } from "../../examples/four-planets/observer.ts";
import { TRUSTIX } from "../../examples/four-planets/programs.ts";
import { Network as Machines } from "./machine.ts";
import { makeFolder, NIXES, silent } from "./nixes.ts";

/** What all logs have after `buildEverywhere`. */
const SIZE = 6;

/** Whatever there is in one closure: built here, from what came from everywhere, and a file named by its content. */
const MACHINE = `
let p = import ./packages.nix; in derivation {
  name = "machine";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-ec" "echo $parts > $out" ];
  parts = [ p.rocket p.antenna p.winch p.mission-plan p.telemetry (builtins.toFile "note" "for the crew") ];
}
`;

interface AuditJson {
  readonly roots: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly voters: readonly { readonly name: string; readonly claims: number; readonly differing: number }[];
  readonly paths: readonly {
    readonly path: string;
    readonly finding: string;
    readonly why: string;
    readonly installed: { readonly narHash: string; readonly builtHere: boolean; readonly signedBy: readonly string[] };
    readonly votes: readonly { readonly voter: string; readonly outcome: string; readonly same?: boolean }[];
  }[];
}

/** Findings by the names of the paths, without hashes. */
function findings({ paths }: AuditJson): Record<string, string> {
  return Object.fromEntries(paths.map(({ path, finding }) => [path.slice(44), finding]));
}

const FINDINGS = {
  "antenna-1.0": "dissent",
  "mission-plan": "no-claim",
  "winch-1.0": "single-source",
  machine: "own-build",
  "telemetry-0.3": "own-build",
  note: "content-addressed",
  "engine-2.1": "agreed",
  "fuel-98": "agreed",
  "rocket-1.0": "agreed",
};

/** What only the builders can tell. */
const ASKED = ["antenna-1.0", "mission-plan", "winch-1.0", "engine-2.1", "rocket-1.0"];

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("a closure of everything", () => {
    let network: Network;
    let built: Built;
    let client: NixParty;
    let machine: string;
    let light: Observer;

    beforeAll(async () => {
      network = await startNetwork({ folder: await makeFolder(), nix });
      built = await buildEverywhere(network, silent, nix!.version);
      const { observer, planets } = network;
      const all = PLANETS.map((name) => planets[name]);
      const antennas = await Promise.all(all.map((planet) => planet.party!.build(network.expression, ["antenna"])));
      const antenna = antennas[0]![0]!;
      await planets.saturn.offer([antenna]);
      const [winch] = await planets.mars.party!.build(network.expression, ["winch"]);
      await planets.mars.offer([winch!]);
      light = await makeObserver({
        name: "light",
        folder: join(network.folder, "light"),
        planets: all,
        syncmode: "light",
      });
      await light.startDaemon();
      for (const one of [observer, light]) {
        await one.follows(all, SIZE + 1);
        await one.follows([planets.mars], SIZE + 2);
      }
      await observer.startProxy();

      client = await makeNixParty({ folder: join(network.folder, "client"), nix: nix! });
      const from = async (url: string, key: string, path: string): Promise<void> => {
        const options = ["--option", "substituters", url, "--option", "trusted-public-keys", key];
        expect(await client.realise(path, options), path).toMatchObject({ code: 0 });
      };
      await from(observer.proxyUrl, observer.proxyKey, built.rocket);
      // Careless: each of these is signed by the key of one cache that was trusted for it.
      await from(planets.saturn.cache.url, planets.saturn.cacheKey!, antenna);
      await from(planets.mars.cache.url, planets.mars.cacheKey!, winch!);
      await from(planets.mars.cache.url, planets.mars.cacheKey!, built.local[0]!);
      const expression = join(network.folder, "packages", "machine.nix");
      await writeFile(expression, MACHINE);
      machine = await client.ok("nix-build", [expression, "--out-link", join(client.folder, "result")]);
    });
    afterAll(async () => {
      await light?.close();
      await network?.close();
    });

    const audit = (observer: Observer, ...words: string[]): Promise<RunResult> =>
      run(TRUSTIX, ["audit", ...words, "--address", observer.socket], { env: client.env, cwd: client.folder });

    async function auditJson(observer: Observer, ...words: string[]): Promise<AuditJson & { readonly code: number }> {
      const { code, stdout, stderr } = await audit(observer, ...words, "--json");
      expect(stderr).not.toMatch(/error(?!: \d+ paths? could not)/);
      return { code: code!, ...(JSON.parse(stdout) as AuditJson) };
    }

    test("each path is what it is, and why; links lead to their path", async () => {
      const seen = await auditJson(network.observer, "./result");
      expect(seen.roots).toEqual([machine]);
      expect(findings(seen)).toEqual(FINDINGS);
      expect(seen.code).toBe(3);
      expect(seen.counts).toEqual({
        dissent: 1,
        "no-claim": 1,
        "single-source": 1,
        undecided: 0,
        "own-build": 2,
        "content-addressed": 1,
        agreed: 3,
      });
      const of = (name: string) => seen.paths.find(({ path }) => path.endsWith(`-${name}`))!;
      const saturns = await network.planets.saturn.party!.ok("nix", ["path-info", "--json", of("antenna-1.0").path]);
      expect(saturns).toContain(of("antenna-1.0").installed.narHash);
      expect(of("antenna-1.0")).toMatchObject({
        why: expect.stringMatching(/^decided is sha256-\S+, installed sha256-\S+ \(3 of 4 agree, 3 needed; saturn/),
        installed: { builtHere: false, signedBy: ["saturn-cache-1"] },
        votes: PLANETS.map((voter) => ({ voter, outcome: "claims", same: voter === "saturn" })),
      });
      expect(of("winch-1.0").why).toMatch(/^only mars claims it; 1 of 4 agree, 3 needed/);
      expect(of("mission-plan").votes.map(({ outcome }) => outcome)).toEqual(PLANETS.map(() => "absent"));
      expect(of("telemetry-0.3").why).toBe("built here; mercury, venus, saturn and mars claim something else");
      expect(of("note").why).toMatch(/^its name is the address of its content, text:sha256:/);
      expect(of("rocket-1.0").votes.map(({ same }) => same)).toEqual([true, true, false, true]);
      expect(seen.voters.find(({ name }) => name === "saturn")).toMatchObject({ claims: 5, differing: 4 });
    });

    test("one run makes table, SARIF and page, and what --fail-on leaves out is no failure", async () => {
      const files = { sarif: join(client.folder, "audit.sarif"), html: join(client.folder, "audit.html") };
      const flags = ["--sarif", files.sarif, "--html", files.html];
      const { code, stdout } = await audit(network.observer, machine, ...flags, "--fail-on", "undecided");
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}agreed +3\n {2}named by content +1\n {2}own build +2\n {2}single source +1\n/m);
      expect(stdout).toMatch(/^dissent: 1\. .*\n.*\n {2}\/nix\/store\/\S+-antenna-1\.0\n {6}decided is/m);

      const { runs } = JSON.parse(await readFile(files.sarif, "utf8")) as {
        runs: { results: { ruleId: string; level: string; locations: object[] }[] }[];
      };
      const results = runs[0]!.results.map(({ ruleId, level, locations }) => {
        const uri = /"uri":"(file:\/\/\/nix\/store\/[^"]+)"/.exec(JSON.stringify(locations))![1]!;
        return [uri.slice("file://".length + 44), ruleId, level];
      });
      expect(results).toEqual([
        ["antenna-1.0", "dissent", "error"],
        ["mission-plan", "no-claim", "warning"],
        ["winch-1.0", "single-source", "warning"],
      ]);

      const page = await readFile(files.html, "utf8");
      for (const [name, finding] of Object.entries(FINDINGS)) {
        const section = page.slice(page.indexOf(`id="${finding}"`)).split("<h2")[0]!;
        expect(section, name).toContain(`-${name}<`);
      }
      expect((await audit(network.observer, machine, "--fail-on", "dissent")).code).toBe(3);
      expect((await audit(network.observer, built.rocket)).code).toBe(0);
    });

    test("a path that is not in the store, another store, and no node are failures, and no refusals", async () => {
      const gone = machine.replace("-machine", "-missing");
      const missing = await audit(network.observer, gone);
      expect(missing).toMatchObject({ code: 1, stdout: "" });
      expect(missing.stderr).toMatch(/^trustix: error: \/nix\/store\/\S+-missing is not in this machine's store\n$/);
      const elsewhere = `local?root=${join(network.planets.saturn.party!.folder, "root")}`;
      const saturns = await auditJson(network.observer, built.rocket, "--store", elsewhere);
      expect([saturns.code, findings(saturns)["rocket-1.0"]]).toEqual([3, "dissent"]);
      const nobody = ["audit", machine, "--address", `unix://${join(client.folder, "none.socket")}`];
      expect(await run(TRUSTIX, nobody, { env: client.env })).toMatchObject({ code: 1, stdout: "" });
    });

    test("with every builder gone, copies judge as before, and a node without them says that it cannot", async () => {
      const asked = await auditJson(light, machine);
      expect([asked.code, findings(asked)]).toEqual([3, FINDINGS]);
      for (const name of PLANETS) await network.planets[name].daemon!.stop();
      expect(findings(await auditJson(network.observer, machine))).toEqual(FINDINGS);
      const blind = await auditJson(light, machine);
      expect(findings(blind)).toEqual({
        ...FINDINGS,
        ...Object.fromEntries(ASKED.map((name) => [name, "undecided"])),
        // Its hash is fixed beforehand: that needs nobody's word.
        "fuel-98": "content-addressed",
      });
      expect(blind.code).toBe(1);
    });
  });

  test.skipIf(nix === undefined)("a whole machine: what it runs and what its user has installed", async () => {
    const folder = await makeFolder();
    try {
      await using machines = await Machines.make();
      const machine = await machines.machine(join(folder, "machine"), nix!, []);
      await machine.type(SYSTEM);
      const status = (): Promise<string> => machine.type("trustix status 2>&1 || true\n");
      await expect.poll(status, { timeout: 60_000 }).toMatch(/: 0 entries/);
      await machine.type('trustix-nix submit-closure "$(readlink system)"\ntrustix flush\n');
      const said = await machine.type("trustix audit --system --json --html /root/audit.html\n");
      const seen = JSON.parse(/^\{.*\}$/m.exec(said)![0]) as AuditJson;
      expect(seen.roots.map((root) => root.slice(44))).toEqual(["system", "tools"]);
      // Both were built here, and only what the log has was decided.
      expect(findings(seen)).toEqual({ kernel: "agreed", system: "agreed", tools: "own-build" });
      expect(await readFile(join(machine.folder, "root/audit.html"), "utf8")).toContain("Audit of 2 closures");
      await machine.type("rm /run/current-system /root/.nix-profile\n");
      const none = await machine.type("trustix audit --system 2>&1 || echo exit $?\n");
      expect(none).toMatch(/error: --system: neither a current system nor a profile/);
      expect(none).toMatch(/^exit 1$/m);
    } finally {
      await removeStores(folder);
    }
  });
});

/** Typed on the machine made for it, and nowhere else: a Nix run by root without its own `/nix` makes a real one. */
const SYSTEM = `
mkdir -p /run
trustix init >/dev/null
export TRUSTIX_RPC=unix:///root/node.socket
trustix daemon 2>/dev/null &
cat > system.nix <<'END'
let made = name: part: derivation {
  inherit name part;
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "mkdir $out; echo $part > $out/part" ];
};
in { system = made "system" (made "kernel" "starts"); tools = made "tools" "help"; }
END
nix-build system.nix -A system -o system
ln -s "$(readlink system)" /run/current-system
nix-env -p /nix/var/nix/profiles/mine --set "$(nix-build system.nix -A tools --no-out-link)"
ln -s /nix/var/nix/profiles/mine /root/.nix-profile
`;
