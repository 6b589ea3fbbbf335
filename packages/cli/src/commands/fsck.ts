/** `trustix fsck`: checks a state folder that no daemon holds. Changes nothing. */
import { resolve } from "node:path";
import {
  type Config,
  headMarkersOf,
  fsck,
  fsckStore,
  loadConfig,
  NodeError,
  openExistingStore,
  storedLogs,
  type FsckOptions,
  type LogReport,
  type Problem,
  type StoreReport,
} from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { configPlaces, defaultStateFolder } from "../default-places.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const state = resolve(io.cwd, input.text("state") ?? defaultStateFolder(io));
  const config = await configOf(input);
  const store = await openExistingStore(state).catch((error: unknown) => {
    throw withOwnHint(error);
  });
  let reports: LogReport[];
  let beside: StoreReport;
  try {
    const logs = await storedLogs(store);
    const onProgress = (step: string, done: number, total: number): void => {
      io.signal.throwIfAborted();
      io.progress(total === 0 ? step : `${step}: ${done} of ${total}`);
    };
    const crypto = nodeCrypto();
    reports = await fsck(store, { crypto, logs, onProgress, ...markersOf(config) });
    const followed = config?.subscribers.map(({ info }) => info) ?? [];
    beside = await fsckStore(store, { crypto, logs, followed, onProgress });
  } finally {
    await store.close();
  }
  if (input.on("json")) io.out(JSON.stringify({ logs: reports, store: beside }));
  else for (const line of [...reports.flatMap(reportLines), ...storeLines(beside)]) io.out(line);
  const problems = [...reports, beside].reduce((sum, { problemCount }) => sum + problemCount, 0);
  if (problems === 0) {
    if (reports.length === 0) io.note("trustix: the state holds no log");
    return EXIT.done;
  }
  throw new CliError(`${counted(problems, "problem", "problems")} found in ${state}`, {
    exit: EXIT.refused,
    hint: "keep a copy of the folder; restore a backup and let `trustix recover` fetch what it lacks",
  });
};

function withOwnHint(error: unknown): unknown {
  if (!(error instanceof NodeError)) return error;
  const hint =
    error.code === "locked"
      ? "end that process first"
      : error.code === "not_found"
        ? "--state names the folder that the daemon was given"
        : error.hint;
  return new NodeError(error.code, error.message, { cause: error.cause, ...(hint === undefined ? {} : { hint }) });
}

/** `--config`: only then, because a check must not depend on a configuration that may be what is broken. */
async function configOf(input: CommandInput): Promise<Config | undefined> {
  const path = input.text("config");
  if (path === undefined) return undefined;
  return loadConfig(path, { crypto: nodeCrypto(), ...configPlaces(input.io), keys: false });
}

function markersOf(config: Config | undefined): Pick<FsckOptions, "markers"> {
  if (config === undefined) return {};
  return {
    markers: (logId) => {
      const { marker, markersElsewhere } = headMarkersOf(nodeCrypto(), config, logId);
      return marker === undefined ? [] : [marker, ...markersElsewhere];
    },
  };
}

function reportLines(report: LogReport): string[] {
  const { logId, problems, problemCount } = report;
  const what = report.kind === "copy" ? "copy of log" : "log";
  return [
    `${what} ${logId}: ${sizesOf(report).join(", ")}: ${verdict(problemCount)}`,
    ...problemLines(problems, problemCount),
  ];
}

function sizesOf(report: LogReport): string[] {
  const entries = counted(report.entries, "entry", "entries");
  if (report.kind === "published") {
    const { heads, waiting, refused } = report;
    return [entries, counted(heads, "head", "heads"), `${waiting} waiting`, `${refused} refused`];
  }
  const { served, withoutValue } = report;
  return [
    entries,
    served === undefined ? "no head served" : `a head of ${served} served`,
    ...(withoutValue === 0 ? [] : [`${withoutValue} without value`]),
  ];
}

function storeLines({ values, followed, evidence, answers, problems, problemCount }: StoreReport): string[] {
  const sizes =
    `${counted(values, "value", "values")}, ${counted(followed, "record", "records")} of followed logs` +
    (evidence > 0 ? `, ${counted(evidence, "proof", "proofs")} of misbehaviour` : "") +
    (answers > 0 ? `, ${counted(answers, "answer", "answers")} of binary caches` : "");
  return [`store: ${sizes}: ${verdict(problemCount)}`, ...problemLines(problems, problemCount)];
}

function verdict(problemCount: number): string {
  return problemCount === 0 ? "sound" : counted(problemCount, "problem", "problems");
}

function problemLines(problems: readonly Problem[], problemCount: number): string[] {
  return [
    ...problems.map(({ kind, message }) => `  ${kind}: ${message}`),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more`] : []),
  ];
}
