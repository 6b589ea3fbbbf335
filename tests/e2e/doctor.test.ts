/**
 * `trustix doctor` and a real Nix that also asks somebody else: the way past the vote is real, it is found, and with the
 * lines that doctor names it is closed, while what was agreed on is still installed.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeNixParty, run } from "@trustix/testkit/nix";
import type { NixParty, NixProgram } from "@trustix/testkit/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildEverywhere } from "../../examples/four-planets/act-build.ts";
import type { Built } from "../../examples/four-planets/act-build.ts";
import { startNetwork } from "../../examples/four-planets/network.ts";
import type { Network } from "../../examples/four-planets/network.ts";
import { TRUSTIX } from "../../examples/four-planets/programs.ts";
import { makeFolder, NIXES, silent } from "./nixes.ts";

interface Finding {
  readonly group: string;
  readonly severity: string;
  readonly looked: string;
  readonly mend?: { readonly edits?: readonly Edit[] };
}
interface Edit {
  readonly file: string;
  readonly remove: readonly string[];
  readonly add: readonly string[];
}

const NIX_GROUPS = ["Nix client", "other ways in"];

describe.skipIf(NIXES[0]!.nix === undefined)("a Nix that asks the proxy and somebody else", () => {
  let network: Network;
  let built: Built;
  /** Every builder made another one: nobody agrees on it, and the cache of mars has signed its own. */
  let telemetry: string;
  let counter = 0;

  beforeAll(async () => {
    const { nix } = NIXES[0]!;
    network = await startNetwork({ folder: await makeFolder(), nix });
    built = await buildEverywhere(network, silent, nix!.version);
    await network.observer.startProxy();
    const { mars } = network.planets;
    telemetry = (await mars.party!.build(network.expression, ["telemetry"]))[0]!;
    await mars.offer([telemetry]);
  });
  afterAll(() => network?.close());

  /** With a nix.conf as people have it who added the proxy to what was there. */
  function openClient(nix: NixProgram): Promise<NixParty> {
    const { observer, planets } = network;
    const { url } = planets.mars.cache;
    return makeNixParty({
      folder: join(network.folder, `client${counter++}`),
      nix,
      settings: {
        substituters: `${observer.proxyUrl} ${url}`,
        "trusted-public-keys": `${observer.proxyKey} ${planets.mars.cacheKey}`,
        "trusted-users": "root somebody",
        // Newer versions ignore the last line without the feature.
        "experimental-features": "nix-command flakes",
        "accept-flake-config": "true",
      },
    });
  }

  async function doctor(client: NixParty): Promise<readonly Finding[]> {
    const { folder, socket, proxyUrl } = network.observer;
    const node = ["--config", join(folder, "trustix.toml"), "--state", join(folder, "state"), "--address", socket];
    const { code, stdout } = await run(TRUSTIX, ["doctor", "--json", "--proxy", proxyUrl, ...node], {
      env: client.env,
    });
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    expect(code).toBe(ok ? 0 : 1);
    return findings;
  }

  const amiss = (findings: readonly Finding[]): string[] =>
    findings
      .filter(({ severity }) => severity !== "ok")
      .map(({ group, severity, looked }) => `${severity} ${group}: ${looked}`);

  /** Does what doctor says, and nothing else. */
  async function mend(findings: readonly Finding[]): Promise<void> {
    const edits = new Map(
      findings.flatMap(({ mend }) => (mend?.edits ?? []).map((edit) => [JSON.stringify(edit), edit])),
    );
    for (const { file, remove, add } of edits.values()) {
      const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
      const kept = lines.filter((line) => !remove.includes(line.trim()));
      expect(lines.length - kept.length).toBe(remove.length);
      await writeFile(file, `${[...kept, ...add].join("\n")}\n`);
    }
  }

  test.each(NIXES.filter(({ nix }) => nix !== undefined))(
    "$name: found, mended as doctor says, and then clean",
    async ({ nix }) => {
      // What the vote refuses comes in by the other cache.
      const careless = await openClient(nix!);
      expect(await careless.realise(telemetry)).toMatchObject({ code: 0 });

      const client = await openClient(nix!);
      const found = (await doctor(client)).filter(({ group }) => NIX_GROUPS.includes(group));
      expect(amiss(found)).toEqual([
        "warning Nix client: narinfo-cache-negative-ttl",
        "wrong other ways in: substituters",
        "wrong other ways in: trusted-public-keys",
        "warning other ways in: trusted-users",
        "wrong other ways in: accept-flake-config",
      ]);
      await mend(found);
      expect(amiss(await doctor(client))).toEqual([]);

      expect((await client.realise(telemetry)).code).not.toBe(0);
      expect(await client.realise(built.rocket)).toMatchObject({ code: 0 });
    },
  );

  test("without a Nix on the PATH the same is found in the files", async () => {
    const client = await openClient(NIXES[0]!.nix!);
    const withNix = await doctor(client);
    const PATH = "/nowhere";
    const env = { ...client.env, PATH };
    const without = await doctor({ ...client, env });
    const nixOnes = (findings: readonly Finding[]) => amiss(findings.filter(({ group }) => group === "other ways in"));
    expect(nixOnes(without)).toEqual(nixOnes(withNix));
    expect(amiss(without)).toContain("note Nix client: settings");
  });
});
