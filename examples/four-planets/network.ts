/** Four builders and a user, all as real processes on the loopback, in one folder that goes away with them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeNixParty, removeStores, writeDemoPackages } from "@trustix/testkit/nix";
import type { Compression, NixParty, NixProgram } from "@trustix/testkit/nix";
import { makeObserver } from "./observer.ts";
import type { Observer } from "./observer.ts";
import { makePlanet } from "./planet.ts";
import type { Planet } from "./planet.ts";

export const PLANETS = ["mercury", "venus", "saturn", "mars"] as const;
export type PlanetName = (typeof PLANETS)[number];
export const COMPROMISED: PlanetName = "saturn";

export interface NetworkOptions {
  /** Must not exist, or be empty. Short: sockets lie in it, and their paths have 107 bytes at most. */
  readonly folder: string;
  readonly nix: NixProgram | undefined;
  /** The proxy's port; the planets' daemons have the next four, their caches four from 10 above it. Default: free ones. */
  readonly basePort?: number;
  readonly compression?: Partial<Record<PlanetName, Compression>>;
  /** The user's; see `ObserverOptions`. */
  readonly syncmode?: "full" | "light";
}

export interface Network {
  readonly folder: string;
  /** The expression file that everybody builds. */
  readonly expression: string;
  readonly planets: Readonly<Record<PlanetName, Planet>>;
  readonly observer: Observer;
  /** A fresh Nix that trusts the proxy's key and nothing else. Needs Nix. */
  client(name: string, settings?: Readonly<Record<string, string>>): Promise<NixParty>;
  /** Somebody who joined later: is closed with the rest. */
  joined(somebody: Pick<Planet, "close">): void;
  /** Ends every process and removes the folder. */
  close(): Promise<void>;
}

/** Makes everything and starts the five daemons; builds nothing, and the proxy is not started yet. */
export async function startNetwork({
  folder,
  nix,
  basePort,
  compression = {},
  syncmode,
}: NetworkOptions): Promise<Network> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const expression = await writeDemoPackages(join(folder, "packages"));
  const made = await Promise.all(
    PLANETS.map((name, i) =>
      makePlanet({
        name,
        folder: join(folder, name),
        nix,
        compromised: name === COMPROMISED,
        compression: compression[name] ?? "zstd",
        ...(basePort === undefined ? {} : { ports: { daemon: basePort + 1 + i, cache: basePort + 10 + i } }),
      }),
    ),
  );
  const planets = Object.fromEntries(made.map((planet) => [planet.name, planet])) as Record<PlanetName, Planet>;
  const observer = await makeObserver({
    name: "the user",
    folder: join(folder, "user"),
    planets: made,
    ...(syncmode === undefined ? {} : { syncmode }),
    ...(basePort === undefined ? {} : { proxyPort: basePort }),
  });
  const everybody: Pick<Planet, "close">[] = [observer, ...made];
  const close = async (): Promise<void> => {
    await Promise.allSettled(everybody.map((one) => one.close()));
    await removeStores(folder);
  };
  try {
    await Promise.all([...made.map((planet) => planet.start()), observer.startDaemon()]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    folder,
    expression,
    planets,
    observer,
    async client(name, settings = {}) {
      if (nix === undefined) throw new Error("a client needs Nix");
      return makeNixParty({
        folder: join(folder, name),
        nix,
        settings: {
          substituters: observer.proxyUrl,
          "trusted-public-keys": observer.proxyKey,
          "require-sigs": "true",
          ...settings,
        },
      });
    },
    joined: (somebody) => void everybody.push(somebody),
    close,
  };
}
