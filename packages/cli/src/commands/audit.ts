/**
 * `trustix audit`: what is installed of a closure, held against what the voters say. Exit 3 for what --fail-on names, 1 when
 * that is only what could not be judged because voters could not be asked.
 */
import { nodeCrypto } from "@trustix/node-crypto";
import {
  auditPage,
  auditToJson,
  auditToSarif,
  FINDING_TEXTS,
  FINDINGS,
  FINE_FINDINGS,
  isUnheard,
  runAudit,
  sharedWhy,
  type Audit,
  type AuditedPath,
  type Finding,
} from "@trustix/nix/audit";
import { askVerdicts } from "../ask-verdicts.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { machinesNix } from "../machines-nix.ts";
import { barOf, figure, progressText, teller } from "../progress-text.ts";
import { reportFile } from "../report-file.ts";
import { storePathOf, systemPaths } from "../store-links.ts";
import { VERSION } from "../version.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const failing = failOn(input);
  const roots = await rootsOf(input);
  const page = await reportFile(input, "html");
  const sarif = await reportFile(input, "sarif");
  const audit = await withNode(input, (node) => auditWith(input, roots, askVerdicts(node)));
  // Before the results, whose reader may hang up; and what cannot be written takes no results away.
  const written = await Promise.allSettled([
    page?.write(auditPage(audit)),
    sarif?.write(`${JSON.stringify(auditToSarif(audit, VERSION))}\n`),
  ]);
  if (input.on("json")) io.out(JSON.stringify(auditToJson(audit)));
  else for (const line of auditLines(audit, input.on("all"))) io.out(line);
  for (const one of written) if (one.status === "rejected") throw one.reason;
  return exitOf(audit, failing);
};

/** Throws `CliError` when all that fails may be an outage: a script must tell the two apart. */
function exitOf({ paths, voters }: Audit, failing: readonly Finding[]): number {
  const found = paths.filter(({ finding }) => failing.includes(finding));
  if (found.length === 0) return EXIT.done;
  if (!found.every(isUnheard)) return EXIT.refused;
  const silent = voters.filter(({ silent }) => silent > 0).map(({ name }) => name);
  throw new CliError(
    `${counted(found.length, "path", "paths")} could not be judged without ${silent.join(", ")}, who could not be asked or did not count`,
    { hint: "`trustix status` says why; audit again when they can be asked" },
  );
}

/** What makes the exit code 3. */
function failOn(input: CommandInput): readonly Finding[] {
  const text = input.text("fail-on");
  if (text === undefined) return FINDINGS.filter((finding) => !FINE_FINDINGS.includes(finding));
  if (text === "nothing") return [];
  return text.split(",").map((word) => {
    const finding = FINDINGS.find((known) => known === word);
    if (finding !== undefined) return finding;
    throw usageError(`--fail-on: ${JSON.stringify(word)} came, "nothing" or some of ${FINDINGS.join(",")} wanted`);
  });
}

async function rootsOf(input: CommandInput): Promise<string[]> {
  const { io, args } = input;
  if (input.on("system")) {
    if (args.length > 0) throw usageError("--system and store paths: one of them wanted");
    if (input.text("store") !== undefined) throw usageError("--system is this machine's, --store another store");
    return systemPaths(io);
  }
  if (args.length === 0)
    throw usageError("no store path is named", "see `trustix audit --help`; --system takes what runs here");
  const roots = await Promise.all(args.map((named) => storePathOf(named, io.cwd)));
  // Some versions of Nix would answer for what came out of it, others for it and its inputs.
  const recipe = roots.find((root) => root.endsWith(".drv"));
  if (recipe !== undefined)
    throw usageError(
      `${recipe} is a derivation`,
      `\`nix-store --query --outputs ${recipe}\` says what comes out of it`,
    );
  return [...new Set(roots)];
}

async function auditWith(
  input: CommandInput,
  roots: readonly string[],
  ask: ReturnType<typeof askVerdicts>,
): Promise<Audit> {
  const { io } = input;
  const tell = teller(io);
  let start = io.now();
  try {
    return await runAudit({
      crypto: nodeCrypto(),
      nix: machinesNix(io.env),
      store: input.text("store"),
      roots,
      ask,
      progress({ done, total }) {
        if (total === 0) return io.progress("reading the closure ...");
        if (done === 0) start = io.now();
        const share = done / total;
        const so = (): string => `paths: ${progressText({ done, total, share, ms: io.now() - start })}`;
        tell({ bar: () => `${barOf(share)} ${so()}`, lines: () => [so()] });
      },
      time: io.now(),
      signal: io.signal,
    });
  } catch (error) {
    if (error instanceof Error && (error.name === "ClosureError" || error.name === "AuditError"))
      throw new CliError(error.message, { cause: error });
    throw error;
  } finally {
    if (io.signal.aborted) io.note("trustix: ended before all was looked at; no report was written");
  }
}

/** Paths of one finding that are told without --all. */
const TOLD = 20;

function auditLines(audit: Audit, all: boolean): string[] {
  const { counts, paths } = audit;
  const width = Math.max(...FINDINGS.map((finding) => FINDING_TEXTS[finding].title.length));
  const digits = figure(paths.length).length;
  return [
    `${figure(paths.length)} ${paths.length === 1 ? "path" : "paths"} of ${audit.roots.join(", ")}`,
    ...FINDINGS.toReversed()
      .filter((finding) => counts[finding] > 0)
      .map((finding) => `  ${FINDING_TEXTS[finding].title.padEnd(width)}  ${figure(counts[finding]).padStart(digits)}`),
    ...voterLines(audit),
    ...FINDINGS.filter((finding) => counts[finding] > 0 && (all || !FINE_FINDINGS.includes(finding))).flatMap(
      (finding) =>
        findingLines(
          finding,
          paths.filter((path) => path.finding === finding),
          all,
        ),
    ),
  ];
}

function voterLines({ voters, paths }: Audit): string[] {
  const width = Math.max(0, ...voters.map(({ name }) => name.length));
  const digits = figure(paths.length).length;
  return [
    "",
    ...voters.map(({ name, claims, differing, silent }) => {
      const notes = [
        ...(differing > 0 ? [`${figure(differing)} of them ${differing === 1 ? "differs" : "differ"}`] : []),
        ...(silent > 0
          ? [`could not be asked or did not count ${figure(silent)} ${silent === 1 ? "time" : "times"}`]
          : []),
      ];
      const claimed = `${figure(claims).padStart(digits)} ${claims === 1 ? "claim" : "claims"}`;
      return [`  ${name.padEnd(width)}  ${claimed}`, ...notes].join(", ");
    }),
  ];
}

function findingLines(finding: Finding, paths: readonly AuditedPath[], all: boolean): string[] {
  const { title, meaning, advice } = FINDING_TEXTS[finding];
  const told = all ? paths : paths.slice(0, TOLD);
  const rest = paths.length - told.length;
  const shared = sharedWhy(paths);
  return [
    "",
    `${title}: ${figure(paths.length)}. ${meaning}`,
    ...(advice === undefined ? [] : [advice]),
    ...(shared === undefined || shared === "" ? [] : [`All of them: ${shared}`]),
    ...told.flatMap(({ path, why }) => [`  ${path}`, ...(why === "" || shared !== undefined ? [] : [`      ${why}`])]),
    ...(rest === 0 ? [] : [`  and ${figure(rest)} more (--all)`]),
  ];
}
