/** Caches that lie, break off, hang or fail: the client gets the agreed bytes from another, or nothing. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseNarInfo } from "@trustix/nix-formats";
import { afterEach, beforeAll, afterAll, describe, expect, test } from "vitest";
import { logSize } from "../../examples/four-planets/act-build.ts";
import type { CacheServer, Misbehaviour } from "../../examples/four-planets/cache-server.ts";
import { PLANETS, startNetwork } from "../../examples/four-planets/network.ts";
import type { Network } from "../../examples/four-planets/network.ts";
import { hashPart, makeFolder, NIXES } from "./nixes.ts";

/**
 * What a bad upstream may cost: the proxy's budget once, and nothing while its breaker is open. The bounds leave room for a
 * busy machine, and are far from what it costs when either fails: every request its budget, or no end at all.
 */
const BUDGET_MS = 2000;
const FIRST_MS = 3 * BUDGET_MS;
const LATER_MS = BUDGET_MS / 4;
/** Late, but within the proxy's budget. */
const LATE_MS = 1000;
const PROBES = 38;
/** The last so many are plain in the cache of venus. */
const PLAIN = 3;

const PLAIN_FILES = { compression: "none" } as const;

describe.each(NIXES)("with $name", ({ nix }) => {
  describe.skipIf(nix === undefined)("upstreams that misbehave", () => {
    let network: Network;
    let probes: string[];
    let used = 0;

    beforeAll(async () => {
      const compression = { mercury: "zstd", venus: "zstd", saturn: "none", mars: "xz" } as const;
      network = await startNetwork({ folder: await makeFolder(), nix, compression });
      const expression = join(network.folder, "probes.nix");
      await writeFile(expression, probesExpression());
      await Promise.all(
        PLANETS.map(async (name) => {
          const paths = await network.planets[name].party!.build(expression, probeNames());
          if (name === "venus") await network.planets.venus.party!.copyToCache(paths.slice(-PLAIN), PLAIN_FILES);
          await network.planets[name].offer(paths);
          if (name === "mars") probes = paths;
          await logSize(network.planets[name], PROBES);
        }),
      );
      await network.observer.follows(Object.values(network.planets), PROBES);
      await network.observer.startProxy();
    });
    afterAll(() => network?.close());
    afterEach(() => {
      for (const cache of caches()) cache.misbehave = undefined;
    });

    const caches = (): CacheServer[] => PLANETS.map((name) => network.planets[name].cache);
    /** A path nobody has asked for yet. */
    const fresh = (): string => probes[used++]!;
    const freshPlain = (): string => probes.pop()!;
    const allDo = (misbehave: (cache: CacheServer, index: number) => Misbehaviour): void => {
      caches().forEach((cache, i) => (cache.misbehave = misbehave(cache, i)));
    };
    const narPath = (name: (typeof PLANETS)[number], path: string) => cacheNar(network, name, path);

    const NAR_FAULTS: { name: string; alter: (nar: Buffer) => Buffer }[] = [
      { name: "with one bit flipped", alter: (nar) => flipped(nar) },
      { name: "cut off in the middle, with an honest length", alter: (nar) => nar.subarray(0, nar.length >> 1) },
      { name: "with something appended", alter: (nar) => Buffer.concat([nar, Buffer.from("more")]) },
      { name: "that is empty", alter: () => Buffer.alloc(0) },
    ];
    test.each(NAR_FAULTS)("a NAR $name from every cache is refused by proxy and client", async ({ alter }) => {
      const path = fresh();
      allDo((_cache, i) => replaceNar(network, PLANETS[i]!, alter));
      const client = await network.client(`bad-nar-${used}`);
      expect((await client.realise(path)).code).not.toBe(0);
      expect(existsSync(client.onDisk(path))).toBe(false);
    });

    test("a NAR that is another path's is refused", async () => {
      const path = fresh();
      const other = fresh();
      const swapped = await Promise.all(PLANETS.map(async (name) => readFile(await narPath(name, other))));
      allDo((_cache, i) => replaceNar(network, PLANETS[i]!, () => swapped[i]!));
      const client = await network.client("swapped");
      expect((await client.realise(path)).code).not.toBe(0);
      expect(existsSync(client.onDisk(path))).toBe(false);
    });

    test("a NAR broken off without its promised length is refused", async () => {
      const path = fresh();
      allDo((_cache, i) => breakOff(network, PLANETS[i]!));
      const client = await network.client("broken-off");
      expect((await client.realise(path)).code).not.toBe(0);
      expect(existsSync(client.onDisk(path))).toBe(false);
    });

    /** A narinfo is kept, here by the proxy, that names the file of this cache: it answered first. */
    const announce = async (announced: (typeof PLANETS)[number], path: string): Promise<string> => {
      allDo((_cache, i) => (PLANETS[i] === announced ? () => false : lateNarInfos(network, PLANETS[i]!)));
      return announcedUrl(network, path);
    };
    const WRONG = (name: (typeof PLANETS)[number]) => replaceNar(network, name, flipped);
    const GONE = (name: (typeof PLANETS)[number]) => serveNars(network, name, (answer) => answer.writeHead(404).end());

    test.each([
      { announced: "mercury", form: "zst", fault: WRONG, honest: "venus", left: "zst", pathOf: fresh },
      { announced: "mercury", form: "zst", fault: WRONG, honest: "mars", left: "xz", pathOf: fresh },
      { announced: "mars", form: "xz", fault: WRONG, honest: "venus", left: "zst", pathOf: fresh },
      { announced: "mercury", form: "zst", fault: GONE, honest: "venus", left: "plain", pathOf: freshPlain },
      { announced: "venus", form: "plain", fault: GONE, honest: "mars", left: "xz", pathOf: freshPlain },
    ] as const)(
      "a client that was told of a file ($form) gets the agreed bytes at once from the only honest cache ($left)",
      async ({ announced, form, fault, honest, pathOf }) => {
        const path = pathOf();
        const suffix = form === "plain" ? ".nar" : `.nar.${form}`;
        expect((await announce(announced, path)).endsWith(suffix)).toBe(true);
        allDo((_cache, i) => fault(PLANETS[i]!));
        network.planets[honest].cache.misbehave = undefined;
        const client = await network.client(`${announced}-then-${honest}-${used}`);
        expect(await client.realise(path)).toMatchObject({ code: 0 });
        expect(await client.hashOf(path)).toBe(await network.planets.mars.party!.hashOf(path));
      },
    );

    test("a lie found when part of it was sent fails, and the next try with the same narinfo does not", async () => {
      const path = freshPlain();
      expect((await announce("venus", path)).endsWith(".nar")).toBe(true);
      // Only one lies: each that does costs a try.
      allDo((_cache, i) => (PLANETS[i] === "venus" ? WRONG : GONE)(PLANETS[i]!));
      network.planets.mars.cache.misbehave = undefined;
      const client = await network.client("second-try");
      expect((await client.realise(path)).code).not.toBe(0);
      // Nix unpacks what comes and leaves it lying when it breaks off, but never takes it for the path.
      await expect(client.hashOf(path)).rejects.toThrow("is not valid");
      expect(await client.realise(path)).toMatchObject({ code: 0 });
      expect(await client.hashOf(path)).toBe(await network.planets.mars.party!.hashOf(path));
    });

    const OUTAGES: { name: string; misbehave: Misbehaviour }[] = [
      { name: "hangs", misbehave: () => true },
      { name: "answers 500", misbehave: (_request, response) => (response.writeHead(500).end(), true) },
      { name: "resets connections", misbehave: (request) => (request.socket.destroy(), true) },
    ];
    test.each(OUTAGES)(
      "an upstream that $name costs one request its budget, and nobody the path",
      async ({ misbehave }) => {
        // What a request costs anyhow on this machine now: votes of four logs, and an upstream that answers.
        const healthy = median(await timesToServe(network, [fresh(), fresh(), fresh()]));
        // Two of four: whichever is asked first.
        network.planets.mercury.cache.misbehave = misbehave;
        network.planets.venus.cache.misbehave = misbehave;
        const paths = [fresh(), fresh(), fresh(), fresh()];
        const [first, ...later] = await timesToServe(network, paths);
        expect(first! - healthy).toBeLessThan(FIRST_MS);
        expect(median(later) - healthy).toBeLessThan(LATER_MS);
        const client = await network.client(`outage-${used}`);
        for (const path of paths) {
          expect(await client.realise(path)).toMatchObject({ code: 0 });
          expect(await client.hashOf(path)).toBe(await network.planets.mars.party!.hashOf(path));
        }
      },
    );
  });
});

function probeNames(): string[] {
  return Array.from({ length: PROBES }, (_, n) => `probe${n}`);
}

/** Independent packages, large enough that a NAR comes in several chunks. */
function probesExpression(): string {
  const lines = probeNames().map((name) => `${name} = mk "${name}";`);
  const script = "mkdir $out; echo ''${name} > $out/name; head -c 600000 /dev/zero > $out/zeros";
  return `let mk = name: derivation { inherit name; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-ec" "${script}" ]; };
in { ${lines.join(" ")} }`;
}

function flipped(nar: Buffer): Buffer {
  const copy = Buffer.from(nar);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

/** The file in a planet's cache that holds a path's NAR. */
async function cacheNar(network: Network, name: (typeof PLANETS)[number], path: string): Promise<string> {
  const { cacheFolder } = network.planets[name];
  const info = parseNarInfo(await readFile(join(cacheFolder, `${hashPart(path)}.narinfo`)));
  return join(cacheFolder, info.url);
}

type SendNar = (response: ServerResponse, nar: Buffer) => void;

/** Serves narinfos as they are, and NARs as `send` does. */
function serveNars(network: Network, name: (typeof PLANETS)[number], send: SendNar): Misbehaviour {
  const answer = async (url: string, response: ServerResponse): Promise<void> => {
    const nar = await readFile(join(network.planets[name].cacheFolder, url)).catch(() => undefined);
    if (nar === undefined) response.writeHead(404).end();
    else send(response, nar);
  };
  return (request, response) => {
    if (!request.url!.startsWith("/nar/")) return false;
    void answer(request.url!, response);
    return true;
  };
}

function replaceNar(network: Network, name: (typeof PLANETS)[number], alter: (nar: Buffer) => Buffer): Misbehaviour {
  return serveNars(network, name, (response, nar) => {
    const body = alter(nar);
    response.writeHead(200, { "Content-Length": body.length, "Content-Type": "application/x-nix-nar" }).end(body);
  });
}

/** Promises the whole NAR and closes the connection in the middle. */
function breakOff(network: Network, name: (typeof PLANETS)[number]): Misbehaviour {
  return serveNars(network, name, (response, nar) => {
    response.writeHead(200, { "Content-Length": nar.length });
    response.write(nar.subarray(0, nar.length >> 1), () => response.destroy());
  });
}

/** Serves narinfos as they are, later than others do and still within the proxy's budget. */
function lateNarInfos(network: Network, name: (typeof PLANETS)[number]): Misbehaviour {
  return (request, response) => {
    if (!request.url!.endsWith(".narinfo")) return false;
    const file = join(network.planets[name].cacheFolder, request.url!.slice(1));
    void sleep(LATE_MS).then(async () => response.end(await readFile(file)));
    return true;
  };
}

/** The URL of the NAR in the narinfo that the proxy has. */
async function announcedUrl(network: Network, path: string): Promise<string> {
  const response = await fetch(`${network.observer.proxyUrl}/${hashPart(path)}.narinfo`);
  expect(response.status).toBe(200);
  return parseNarInfo(Buffer.from(await response.arrayBuffer())).url;
}

/** Milliseconds until the proxy has answered each narinfo with 200, one after the other. */
async function timesToServe(network: Network, paths: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const path of paths) {
    const started = performance.now();
    const response = await fetch(`${network.observer.proxyUrl}/${hashPart(path)}.narinfo`);
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    times.push(performance.now() - started);
  }
  return times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
