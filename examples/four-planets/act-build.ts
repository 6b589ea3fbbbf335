/** First act: everybody builds, the hooks note it, the daemons publish it. */
import { DEMO_PACKAGES } from "@trustix/testkit/nix";
import { PLANETS } from "./network.ts";
import type { Network } from "./network.ts";
import type { Planet } from "./planet.ts";
import { until } from "./program.ts";
import { buildByScript } from "./scripted-builds.ts";
import type { Voice } from "./voice.ts";

export interface Built {
  readonly rocket: string;
  readonly telemetry: string;
  /** Built and not published: made for one machine. Empty without Nix. */
  readonly local: readonly string[];
}

/** Attributes in the order of `Built`, and two more that everybody builds. */
const ATTRIBUTES = [
  DEMO_PACKAGES.app,
  DEMO_PACKAGES.unreproducible,
  DEMO_PACKAGES.local,
  DEMO_PACKAGES.unsubstitutable,
  DEMO_PACKAGES.fixed,
  `${DEMO_PACKAGES.library}.doc`,
];
/** `rocket`, three outputs of `engine`, `fuel`, `telemetry`; what is made for one machine is not among them. */
const PUBLISHED = 6;
const SCRIPTED = ["engine", "rocket", "telemetry"];

export async function buildEverywhere(network: Network, voice: Voice, nixVersion: string | undefined): Promise<Built> {
  const planets = PLANETS.map((name) => network.planets[name]);
  const names = nixVersion === undefined ? SCRIPTED : Object.values(DEMO_PACKAGES);
  voice.title(
    `Four planets build the same packages${nixVersion === undefined ? "" : `, each with its own Nix ${nixVersion}`}`,
  );
  voice.say(names.join(", "));
  const results = await Promise.all(
    planets.map(async (planet) => {
      const started = performance.now();
      const built = await (nixVersion === undefined ? byScript(planet) : withNix(network, planet));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      voice.row(planet.name, `${names.length} packages in ${seconds} s`);
      return built;
    }),
  );
  voice.title("What came out is in four signed logs");
  const size = nixVersion === undefined ? SCRIPTED.length : PUBLISHED;
  for (const planet of planets) {
    const claims = await logSize(planet, size);
    voice.row(planet.name, `log ${planet.logId.slice(0, 8)}…  ${claims} claims under a signed head`);
  }
  await network.observer.follows(planets, size);
  voice.say("The user's node follows all four: every head checked for signature and growth.");
  return results[0]!;
}

async function withNix(network: Network, planet: Planet): Promise<Built> {
  const paths = await planet.party!.build(network.expression, ATTRIBUTES);
  const [rocket, telemetry, ...rest] = paths;
  await planet.offer(paths);
  return { rocket: rocket!, telemetry: telemetry!, local: rest.slice(0, 2) };
}

async function byScript(planet: Planet): Promise<Built> {
  const [, rocket, telemetry] = await buildByScript(planet);
  return { rocket: rocket!.path, telemetry: telemetry!.path, local: [] };
}

/** Waits until the planet's log has `size` claims; how many it has then. */
export function logSize(planet: Planet, size: number): Promise<number> {
  const ask = async (): Promise<number | undefined> => {
    const { Published } = await planet.calls.status();
    const now = Number(Published[0]?.Head?.TreeSize ?? 0);
    return now >= size ? now : undefined;
  };
  return until(`${planet.name}'s log has ${size} claims`, ask, undefined, planet.closing);
}
