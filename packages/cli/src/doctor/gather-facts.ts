/** Everything that `trustix doctor` looks at, gathered once; nothing is changed by it. */
import { resolve } from "node:path";
import { defaultSpoolFolder, inspectSpool } from "@trustix/nix";
import { usageError } from "../cli-error.ts";
import type { CommandInput } from "../command.ts";
import { defaultStateFolder } from "../default-places.ts";
import { askPlaces, type Place } from "./ask-places.ts";
import type { Facts, SpoolFacts } from "./facts.ts";
import { gatherHook } from "./gather-hook.ts";
import { findProxies, gatherNix } from "./gather-nix.ts";
import { gatherConfiguration, gatherNodeFacts, placesOf } from "./gather-node.ts";
import { gatherSecrets, gatherState } from "./gather-secrets.ts";

/** Milliseconds for each request. */
const ASK_MS = 5000;
const DEFAULT_PROXY = "http://127.0.0.1:8080";

export async function gatherFacts(input: CommandInput): Promise<Facts> {
  const { io } = input;
  const { facts: configuration, config } = await gatherConfiguration(input);
  const stateFolder = resolve(io.cwd, input.text("state") ?? defaultStateFolder(io));
  const [node, state, secrets, toldNix] = await Promise.all([
    gatherNodeFacts(input),
    gatherState(stateFolder),
    gatherSecrets(config, stateFolder, io),
    gatherNix(io, proxyAddress(input), configuration),
  ]);
  const substituters = toldNix.settings.substituters.words.map((url): Place => ({
    url,
    role: "substituter of Nix",
    isCache: true,
  }));
  const ask = { timeoutMs: ASK_MS, signal: io.signal };
  const asked = await askPlaces([...placesOf(config), ...substituters], {
    ...ask,
    offline: input.on("offline"),
    ca: config?.ca,
    now: () => io.now(),
  });
  const nix = { ...toldNix, proxies: await findProxies(toldNix, asked, ask) };
  const hook = await gatherHook(nix.settings["post-build-hook"].words[0], io);
  return {
    now: io.now(),
    uid: io.uid,
    configuration,
    node,
    state,
    secrets,
    asked,
    nix,
    hook,
    spools: await spoolsOf(input),
  };
}

function proxyAddress(input: CommandInput): string {
  const text = input.text("proxy") ?? DEFAULT_PROXY;
  const url = URL.parse(text);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return text.replace(/\/+$/, "");
  throw usageError(`--proxy: ${JSON.stringify(text)} came, http://host:port wanted`);
}

/** One's own, and that of root's Nix daemon. */
function spoolsOf({ io }: CommandInput): Promise<SpoolFacts[]> {
  const folders = new Set([defaultSpoolFolder({ ...io.env }, io.uid), defaultSpoolFolder({}, 0)]);
  return Promise.all([...folders].map(async (folder) => ({ folder, state: await inspectSpool(folder) })));
}
