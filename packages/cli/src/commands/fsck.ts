/** `trustix fsck`: checks a state folder that no daemon holds. Changes nothing. */
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fsck, storedLogs, type LogReport } from "@trustix/node";
import { nodeCrypto } from "@trustix/node-crypto";
import { openEmbeddedStore } from "@trustix/storage";
import { CliError, EXIT } from "../cli-error.ts";
import type { Action } from "../command.ts";
import { defaultStateFolder } from "../default-places.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const state = resolve(io.cwd, input.text("state") ?? defaultStateFolder(io));
  const folder = join(state, "store");
  // Opening makes a store where there is none: a misspelt folder would be found in order.
  await access(folder).catch((cause: unknown) => {
    throw new CliError(`${state} holds no state of a node: there is no ${folder}`, {
      hint: "--state names the folder that the daemon was given",
      cause,
    });
  });
  const store = await openEmbeddedStore(folder);
  let reports: LogReport[];
  try {
    const logs = await storedLogs(store);
    const onProgress = (step: string, done: number, total: number): void => {
      io.signal.throwIfAborted();
      io.progress(total === 0 ? step : `${step}: ${done} of ${total}`);
    };
    reports = await fsck(store, { crypto: nodeCrypto(), logs, onProgress });
  } finally {
    await store.close();
  }
  if (input.on("json")) io.out(JSON.stringify(reports));
  else for (const report of reports) for (const line of reportLines(report)) io.out(line);
  const problems = reports.reduce((sum, { problemCount }) => sum + problemCount, 0);
  if (problems === 0) {
    if (reports.length === 0) io.note("trustix: the state holds no log");
    return EXIT.done;
  }
  throw new CliError(`${counted(problems, "problem", "problems")} found in ${state}`, {
    exit: EXIT.refused,
    hint: "keep a copy of the folder; restore a backup and let `trustix recover` fetch what it lacks",
  });
};

function reportLines({ logId, entries, heads, waiting, refused, problems, problemCount }: LogReport): string[] {
  const sizes = `${counted(entries, "entry", "entries")}, ${counted(heads, "head", "heads")}, ${waiting} waiting, ${refused} refused`;
  return [
    `log ${logId}: ${sizes}: ${problemCount === 0 ? "sound" : counted(problemCount, "problem", "problems")}`,
    ...problems.map(({ kind, message }) => `  ${kind}: ${message}`),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more`] : []),
  ];
}
