/**
 * `npm start`: four builders build the same packages, one of them is compromised, and a real Nix client installs what three
 * of four agree on and refuses the rest. Everything shown is asked of the running processes. `--once` ends after the
 * story; otherwise the network stays up until Ctrl-C. `--without-nix` tells it as on a machine that has no Nix.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedNix, removeStores } from "@trustix/testkit/nix";
import { installForReal, showNaiveInstall, showPrivacy, tryToInstall } from "./act-install.ts";
import { buildEverywhere } from "./act-build.ts";
import { showDecision } from "./act-decide.ts";
import { showExclusion } from "./act-exclude.ts";
import { showSplitView } from "./act-split-view.ts";
import { fetchThroughProxy } from "./act-fetch.ts";
import { COMPROMISED, startNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { makeVoice } from "./voice.ts";
import type { Voice } from "./voice.ts";

/** Tells the story; the path that was installed. Rejects when anything did not come out as it should. */
export async function tellStory(network: Network, voice: Voice, nixVersion: string | undefined): Promise<string> {
  const built = await buildEverywhere(network, voice, nixVersion);
  await network.observer.startProxy();
  await showDecision(network, voice, built.rocket);
  if (nixVersion === undefined) {
    await fetchThroughProxy(network, voice, built);
  } else {
    await installForReal(network, voice, built.rocket);
    await showNaiveInstall(network, voice, built.rocket);
    await tryToInstall(network, voice, built.telemetry);
    await showPrivacy(network, voice, built.local);
  }
  await showExclusion(network, voice, nixVersion);
  await showSplitView(network, voice, built.rocket);
  return built.rocket;
}

/** What to try while the network is up. */
export function showWhatToTry({ observer, planets, folder }: Network, voice: Voice, rocket: string): void {
  const key = Buffer.from(rocket).toString("hex");
  voice.title("The network is still running; try it");
  voice.say("nix.conf of a machine that installs only what three of these four agree on:");
  voice.code(`substituters = ${observer.proxyUrl}`);
  voice.code(`trusted-public-keys = ${observer.proxyKey}`);
  voice.code("narinfo-cache-negative-ttl = 60");
  voice.say("ask the user's node, or stop a planet and ask again:");
  voice.code(`export TRUSTIX_RPC=${observer.socket} PATH=$PWD/packages/cli/bin:$PATH`);
  voice.code("trustix status");
  voice.code(`trustix decide --protocol nix --key ${key}`);
  voice.code(`curl -i ${observer.proxyUrl}/${rocket.slice(11, 43)}.narinfo`);
  voice.code(
    `kill ${planets.mercury.daemon?.pid} ${planets.venus.daemon?.pid}   # two nodes fewer: what was decided holds, the rest stays refused`,
  );
  voice.code(
    `curl -s ${planets[COMPROMISED].cache.url}/${rocket.slice(11, 43)}.narinfo   # what ${COMPROMISED} would have you install`,
  );
  voice.say(`everything lies in ${folder} and goes away with Ctrl-C`);
}

export interface MainOptions {
  /** See `NetworkOptions`. */
  readonly basePort?: number;
}

const HELP = `npm start -- [--once] [--without-nix]
Four builders, one of them compromised, and a machine that installs only what three of them agree on.

  --once         end after the story (otherwise the network stays up until Ctrl-C)
  --without-nix  tell it as on a machine that has no Nix
`;

/** The program behind `npm start` and `npm run dev`. */
export async function main(args: readonly string[], options: MainOptions = {}): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return;
  }
  const unknown = args.find((word) => word !== "--once" && word !== "--without-nix");
  if (unknown !== undefined) {
    process.stderr.write(`trustix: error: ${unknown} came, --once or --without-nix wanted\n`);
    process.exitCode = 2;
    return;
  }
  const once = args.includes("--once");
  const voice = makeVoice(process.stdout);
  const started = performance.now();
  process.stdout.write("Trustix: four builders, one of them compromised\n");
  const nix = args.includes("--without-nix") ? undefined : await installedNix();
  if (nix === undefined) voice.say("Without Nix: a script plays the builds, and nothing will be installed.");
  const interruption = nextInterruption();
  const folder = await mkdtemp(join(tmpdir(), "planets-"));
  const network = await startNetwork({ folder, nix, ...options });
  const tell = async (): Promise<void> => {
    const rocket = await tellStory(network, voice, nix?.version);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const nothing = nix === undefined ? " Nothing was installed: that needs Nix." : "";
    process.stdout.write(`\nThat took ${seconds} s.${nothing}\n`);
    if (!once) showWhatToTry(network, voice, rocket);
  };
  const told = tell();
  try {
    await Promise.race([told, interruption]);
    if (!once) await interruption;
  } finally {
    await network.close();
    // Interrupted in the middle: what is under way fails now, and a build may still have written something.
    await Promise.race([
      told.catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, LAST_BUILD).unref()),
    ]);
    await removeStores(folder);
  }
}

/** Milliseconds that a build under way has to end after an interruption. */
const LAST_BUILD = 10_000;

/** Resolves at the first Ctrl-C or SIGTERM from now on, which do not end the process any more. */
function nextInterruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        process.stdout.write("\nending the network ...\n");
        resolve();
      });
    }
  });
}

if (import.meta.main) await main(process.argv.slice(2));
