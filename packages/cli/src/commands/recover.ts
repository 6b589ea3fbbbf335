/** `trustix recover`: fetches what a state folder that went back has lost. No daemon may hold the folder. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { loadConfig, recoverLog, type Config, type Recovered } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import type { LogId } from "@trustix/protocol";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { configPlaces, defaultConfigFile, defaultStateFolder } from "../default-places.ts";
import { systemClock } from "../system-clock.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const [url, folder] = [input.text("from"), input.text("from-state")];
  if (url !== undefined && folder !== undefined) throw usageError("--from and --from-state came, one of them wanted");
  const crypto = nodeCrypto();
  const path = input.text("config") ?? defaultConfigFile(io);
  const config = await loadConfig(path, { crypto, ...configPlaces(io) });
  const state = resolve(io.cwd, input.text("state") ?? defaultStateFolder(io));
  if (!existsSync(state)) io.note(`trustix: there is no ${state}: the log is put back into a new one`);
  const recovered = await recoverLog({
    config,
    state,
    logId: logIdOf(input, config),
    from:
      folder === undefined
        ? { kind: "remotes", urls: url === undefined ? config.remotes : [url] }
        : { kind: "state", folder: resolve(io.cwd, folder) },
    crypto,
    clock: systemClock,
    signal: io.signal,
    onProgress: (step, done, total) => io.progress(total === 0 ? step : `${step}: ${done} of ${total}`),
    onNote: (note) => io.note(`trustix: ${note}`),
  });
  if (input.on("json")) io.out(JSON.stringify(recoveredJson(recovered)));
  else io.out(recoveredLine(recovered));
  if (recovered.stopped === undefined) return EXIT.done;
  throw new CliError(`the log would still sign nothing: ${recovered.stopped}`, {
    exit: EXIT.refused,
    hint: "somebody has a newer head than was found: name them with --from or --from-state",
  });
};

/** `--log-id`, whole or its first 8 digits and more, else the only publisher. */
function logIdOf(input: CommandInput, { publishers, path }: Config): LogId {
  const given = input.text("log-id")?.toLowerCase();
  if (given !== undefined && !/^[0-9a-f]{8,64}$/.test(given)) {
    throw usageError(`--log-id: ${JSON.stringify(given)} came, 64 hex digits or at least the first 8 wanted`);
  }
  const ids = publishers.map(({ info }) => info.id).filter((id) => given === undefined || id.startsWith(given));
  if (ids.length === 1) return ids[0]!;
  const which = given === undefined ? "" : ` whose id starts with ${given}`;
  if (ids.length === 0) throw usageError(`${path} has no publisher${which}`, "`trustix print-log-id` lists them");
  throw usageError(`${path} has ${ids.length} publishers${which}: ${ids.join(", ")}`, "name one with --log-id");
}

function recoveredLine({ head, entries, waiting, source }: Recovered): string {
  const size = counted(head?.treeSize ?? 0, "entry", "entries");
  const of = `${source.place}, which has ${source.treeSize}`;
  const fetched =
    entries === 0 ? `nothing newer at ${of}` : `${counted(entries, "entry", "entries")} fetched from ${of}`;
  const taken = waiting === 0 ? "" : `, ${counted(waiting, "waiting item", "waiting items")} taken over`;
  return `${size}: ${fetched}${taken}`;
}

function recoveredJson({ head, entries, waiting, source, stopped }: Recovered): object {
  return {
    treeSize: head?.treeSize ?? 0,
    fetched: entries,
    waitingTakenOver: waiting,
    from: source.place,
    sourceTreeSize: source.treeSize,
    ...(stopped !== undefined && { stopped }),
  };
}
