/**
 * `npm run bench [NAME...]`: runs every `bench/*.bench.ts` (or those whose name contains a NAME), one process after the
 * other, prints a table with verdicts, and adds the run to `bench/history.json`.
 *
 * Machines differ, so a target holds for the machine of `REFERENCE` and is scaled to this one by what a hash and a disk
 * sync cost right before and after the bench. Exits with 1 when a bench fails, not when a target is missed.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform } from "node:os";
import { basename, join } from "node:path";
import { endOnSignals, execute, ROOT } from "../scripts/check/execute.ts";
import { type Figure, figureOf } from "./figure.ts";
import { type BasicCosts, measureBasicCosts } from "./basic-costs.ts";
import { judge, type Judged } from "./judge.ts";

const HISTORY = join(ROOT, "bench", "history.json");

endOnSignals();
const results: Judged[] = [];
const broken: string[] = [];
let costs = measureBasicCosts();
const first = costs;

for (const file of benches(process.argv.slice(2))) {
  const name = basename(file, ".bench.ts");
  process.stdout.write(`\n${name}\n`);
  const { code, output } = await execute(process.execPath, ["--expose-gc", file]);
  const after = measureBasicCosts();
  const figures = output.split("\n").flatMap((line) => figureOf(line) ?? []);
  if (code !== 0 || figures.length === 0) {
    broken.push(name);
    process.stdout.write(`  FAILED (exit ${code}, ${figures.length} figures)\n${output.replaceAll(/^/gm, "  ")}\n`);
  }
  const judged = figures.map((figure) => judge(figure, middle(costs, after)));
  for (const result of judged) process.stdout.write(`${describe(result)}\n`);
  results.push(...judged);
  costs = after;
}

const machine = `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, ${platform()} ${arch()}`;
process.stdout.write(
  `\n${machine}, Node ${process.version}\na hash ${first.hashNs.toFixed(0)} ns at the start and ${costs.hashNs.toFixed(0)} ns at the end, ` +
    `a disk sync ${first.syncMs.toFixed(2)} ms and ${costs.syncMs.toFixed(2)} ms\n`,
);
summarise(results);
if (results.length > 0) remember(results);
if (broken.length > 0) process.stdout.write(`failed: ${broken.join(", ")}\n`);
process.exitCode = broken.length > 0 || results.length === 0 ? 1 : 0;

function benches(names: readonly string[]): readonly string[] {
  const files = globSync("bench/*.bench.ts", { cwd: ROOT }).toSorted();
  return files
    .filter((file) => names.length === 0 || names.some((name) => basename(file).includes(name)))
    .map((file) => join(ROOT, file));
}

function middle(a: BasicCosts, b: BasicCosts): BasicCosts {
  return { hashNs: (a.hashNs + b.hashNs) / 2, syncMs: (a.syncMs + b.syncMs) / 2 };
}

function describe({ figure, wanted, verdict }: Judged): string {
  const value = `${short(figure.value)} ${figure.unit}`;
  const target =
    wanted === undefined
      ? ""
      : `${verdict === "reached" ? "reached" : "MISSED "}  ${short(wanted)} wanted here, ${short(figure.target ?? 0)} on the reference machine`;
  return `  ${figure.name.padEnd(46)} ${value.padStart(18)}  ${target}\n      ${figure.how}`;
}

/** Three significant digits, thousands apart. */
function short(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits).replaceAll(/\B(?=(\d{3})+(?!\d))/g, " ");
}

function summarise(all: readonly Judged[]): void {
  const judged = all.filter(({ verdict }) => verdict !== "recorded");
  const reached = judged.filter(({ verdict }) => verdict === "reached");
  process.stdout.write(`${all.length} figures, ${reached.length} of ${judged.length} targets reached\n`);
}

/** One line a run, so that a change of the history reads as one line. */
function remember(all: readonly Judged[]): void {
  const figures = Object.fromEntries(all.map(({ figure }) => [figure.name, rounded(figure.value)]));
  const costsNow = { hashNs: rounded(costs.hashNs), syncMs: rounded(costs.syncMs) };
  const run = { date: new Date().toISOString().slice(0, 10), machine, node: process.version, ...costsNow, figures };
  const lines = [...history().map((line) => JSON.stringify(line)), JSON.stringify(run)];
  writeFileSync(HISTORY, `[\n${lines.join(",\n")}\n]\n`);
}

function history(): readonly unknown[] {
  try {
    return JSON.parse(readFileSync(HISTORY, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function rounded(value: Figure["value"]): number {
  return Number(value.toPrecision(4));
}
