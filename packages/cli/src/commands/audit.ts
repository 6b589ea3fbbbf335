/** `trustix audit`: what is installed of a closure, held against what the voters say. Exit 3 for what --fail-on names. */
import { rename, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  auditPage,
  auditToJson,
  auditToSarif,
  FINDING_TEXTS,
  FINDINGS,
  FINE_FINDINGS,
  runAudit,
  type Audit,
  type AuditedPath,
  type Finding,
} from "@trustix/nix/audit";
import { askVerdicts } from "../ask-verdicts.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode } from "../connect.ts";
import { machinesNix } from "../machines-nix.ts";
import { figure, progressText } from "../progress-text.ts";
import { storePathOf, systemPaths } from "../store-links.ts";
import { VERSION } from "../version.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const failing = failOn(input);
  if (input.on("json") && input.on("sarif")) throw usageError("--json and --sarif: one of them wanted");
  const roots = await rootsOf(input);
  const audit = await withNode(input, (node) => auditWith(input, roots, askVerdicts(node)));
  const page = input.text("html");
  if (page !== undefined) await writeWhole(resolve(io.cwd, page), auditPage(audit));
  if (input.on("json")) io.out(JSON.stringify(auditToJson(audit)));
  else if (input.on("sarif")) io.out(JSON.stringify(auditToSarif(audit, VERSION)));
  else for (const line of auditLines(audit, input.on("all"))) io.out(line);
  return failing.some((finding) => audit.counts[finding] > 0) ? EXIT.refused : EXIT.done;
};

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
  return [...new Set(roots)];
}

async function auditWith(
  input: CommandInput,
  roots: readonly string[],
  ask: ReturnType<typeof askVerdicts>,
): Promise<Audit> {
  const { io } = input;
  let start = io.now();
  try {
    return await runAudit({
      crypto: nodeCrypto(),
      nix: machinesNix(io.env),
      store: input.text("store"),
      roots,
      ask,
      progress({ done, total }) {
        if (done === 0) start = io.now();
        const step = { done, total, share: total === 0 ? 0 : done / total, ms: io.now() - start };
        io.progress(total === 0 ? "reading the closure ..." : `paths: ${progressText(step)}`);
      },
      time: io.now(),
      signal: io.signal,
    });
  } catch (error) {
    if (error instanceof Error && (error.name === "ClosureError" || error.name === "AuditError"))
      throw new CliError(error.message, { cause: error });
    throw error;
  }
}

/** Whoever looks at the file sees the one before or this one, and no part of it. */
async function writeWhole(file: string, text: string): Promise<void> {
  const part = `${file}.part`;
  await writeFile(part, text);
  await rename(part, file);
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
        ...(differing > 0 ? [`${figure(differing)} of them differ`] : []),
        ...(silent > 0 ? [`could not be asked or did not count ${figure(silent)} times`] : []),
      ];
      return [`  ${name.padEnd(width)}  ${figure(claims).padStart(digits)} claims`, ...notes].join(", ");
    }),
  ];
}

function findingLines(finding: Finding, paths: readonly AuditedPath[], all: boolean): string[] {
  const { title, meaning } = FINDING_TEXTS[finding];
  const told = all ? paths : paths.slice(0, TOLD);
  const rest = paths.length - told.length;
  return [
    "",
    `${title}: ${figure(paths.length)}. ${meaning}`,
    ...told.flatMap(({ path, why }) => [`  ${path}`, ...(why === "" ? [] : [`      ${why}`])]),
    ...(rest === 0 ? [] : [`  and ${figure(rest)} more (--all)`]),
  ];
}
