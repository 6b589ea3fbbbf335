/** Fourth act: whoever keeps differing where all others agree stops counting, and nobody had to watch. */
import { BuilderStatus_Causes, BuilderStatus_Standings } from "@trustix/proto";
import type { BuilderStatus } from "@trustix/proto";
import { PAYLOAD } from "@trustix/testkit/nix";
import { logSize } from "./act-build.ts";
import { nameOf } from "./act-decide.ts";
import { COMPROMISED, PLANETS } from "./network.ts";
import type { Network } from "./network.ts";
import type { Planet } from "./planet.ts";
import { until } from "./program.ts";
import { buildPartsByScript } from "./scripted-builds.ts";
import type { Voice } from "./voice.ts";

export async function showExclusion(network: Network, voice: Voice, nixVersion: string | undefined): Promise<void> {
  const saturn = network.planets[COMPROMISED];
  voice.title(`The planets build on, and ${saturn.name} is found out`);
  voice.say(PAYLOAD.join(", "));
  const [path] = await buildPayload(network, nixVersion);
  const builders = await until(`${saturn.name} is excluded`, async () => {
    const { Builders } = await network.observer.calls.builders();
    return isExcluded(of(saturn, Builders)) ? Builders : undefined;
  });
  for (const name of PLANETS) voice.row(name, record(of(network.planets[name], builders)));
  const { Cause, Reasons } = of(saturn, builders);
  if (Cause !== BuilderStatus_Causes.DISSENT) throw new Error(`${saturn.name} is excluded for another reason`);
  voice.bad(`${saturn.name} is excluded: ${Reasons[0]}`);

  const { decided, votes, reason } = await network.observer.calls.decide(path!);
  if (decided === undefined) throw new Error(`${path} should have been decided: ${reason}`);
  const vote = votes.find(({ logId }) => logId === saturn.logId);
  if (vote?.outcome !== "excluded") throw new Error(`${saturn.name} still votes: ${vote?.outcome}`);
  voice.good(
    `${nameOf(path!)}: decided, confidence ${decided.confidence} — without ${saturn.name}, who still counts among the four`,
  );
}

/** Everybody builds the payload and publishes it; its paths. */
async function buildPayload(network: Network, nixVersion: string | undefined): Promise<readonly string[]> {
  const planets = PLANETS.map((name) => network.planets[name]);
  const before = await Promise.all(planets.map((planet) => logSize(planet, 0)));
  const built = await Promise.all(
    planets.map(async (planet) => {
      if (nixVersion !== undefined) return planet.party!.build(network.expression, [...PAYLOAD]);
      return (await buildPartsByScript(planet, PAYLOAD)).map(({ path }) => path as string);
    }),
  );
  await Promise.all(planets.map((planet, i) => logSize(planet, before[i]! + PAYLOAD.length)));
  return built[0]!;
}

function of(planet: Planet, builders: readonly BuilderStatus[]): BuilderStatus {
  const status = builders.find(({ LogID }) => LogID === planet.logId);
  if (status === undefined) throw new Error(`${planet.name} is not among the builders`);
  return status;
}

const isExcluded = ({ Standing }: BuilderStatus): boolean => Standing === BuilderStatus_Standings.EXCLUDED;

function record({ Figures }: BuilderStatus): string {
  const { Agreed = 0n, Alone = 0n, Scattered = 0n } = Figures ?? {};
  return `agrees on ${Agreed} paths, alone on ${Alone}, one of many answers on ${Scattered}`;
}
