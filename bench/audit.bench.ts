/**
 * `trustix audit` of a closure of ten thousand paths over five copied logs: the built command as a person starts it, asking
 * a built daemon over its socket, every decision made for it, table, SARIF and page written. Only Nix is not real: a
 * script says what it would say of such a closure. All share two cores.
 */
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../scripts/build/bundle.ts";
import { claimOf, copyLogs, environment, type Facts, LOGS, pathOf, stop, TRUSTIX } from "./copied-logs.ts";
import { median, report } from "./figure.ts";

const PATHS = 10_000;
const ROUNDS = 3;

/** What becomes of the `i`-th path; most are agreed. */
function findingOf(i: number): string {
  return { 7: "dissent", 11: "single-source", 13: "no-claim", 17: "own-build" }[i % 50] ?? "agreed";
}

/** A twentieth of the paths a log has not built; of another twentieth saturn has another result. */
function claimed(log: (typeof LOGS)[number], i: number): Facts | undefined {
  const finding = findingOf(i);
  if (finding === "no-claim" || finding === "own-build") return undefined;
  if (finding === "single-source") return log === "mars" ? pathOf(i) : undefined;
  const facts = pathOf(i);
  // All agree, and on something else than what is installed.
  if (finding === "dissent") return { ...facts, narSize: facts.narSize + 1 };
  if ((i + 4 * LOGS.indexOf(log)) % 20 === 0) return undefined;
  return log === "saturn" && i % 20 === 3 ? { ...facts, narSize: facts.narSize + 2 } : facts;
}

const home = await mkdtemp(join(tmpdir(), "trustix-bench-"));

async function fakeNix(): Promise<string> {
  const folder = join(home, "bin");
  await mkdir(folder);
  const infos = Array.from({ length: PATHS }, (_, i) => ({
    ...pathOf(i),
    registrationTime: 1_700_000_000,
    signatures: [`cache.example.org-1:${"A".repeat(86)}==`],
    ...(findingOf(i) === "own-build" && { ultimate: true }),
  }));
  await writeFile(join(home, "closure.json"), JSON.stringify(infos));
  await writeFile(join(folder, "nix"), `#!/bin/sh\nexec cat ${join(home, "closure.json")}\n`);
  await chmod(join(folder, "nix"), 0o755);
  return folder;
}

interface Counted {
  readonly seconds: number;
  readonly text: string;
}

async function auditOnce(address: string, bin: string, words: readonly string[]): Promise<Counted> {
  const env = environment(home);
  const start = performance.now();
  const child = spawn(TRUSTIX, ["audit", pathOf(0).path, "--address", address, ...words], {
    env: { ...env, PATH: `${bin}:${env["PATH"]}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise((done) => child.on("close", done));
  if (code !== 3) throw new Error(`it ended with ${String(code)}, 3 expected: there is dissent`);
  return { seconds: (performance.now() - start) / 1000, text: Buffer.concat(chunks).toString() };
}

function checkCounts(json: string): void {
  const { counts } = JSON.parse(json) as { counts: Record<string, number> };
  for (const finding of ["dissent", "single-source", "no-claim", "own-build", "agreed"]) {
    const expected = Array.from({ length: PATHS }, (_, i) => findingOf(i)).filter((one) => one === finding).length;
    if (counts[finding] !== expected) throw new Error(`${finding}: ${counts[finding]}, ${expected} expected`);
  }
}

await bundle();
const bin = await fakeNix();
const follower = await copyLogs(home, (log) =>
  Array.from({ length: PATHS }, (_, i) => claimed(log, i)).flatMap((facts) =>
    facts === undefined ? [] : claimOf(facts),
  ),
);
const [sarif, page] = [join(home, "audit.sarif"), join(home, "audit.html")];
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++)
  times.push((await auditOnce(follower.address, bin, ["--sarif", sarif, "--html", page])).seconds);
checkCounts((await auditOnce(follower.address, bin, ["--json"])).text);
const bytes = [sarif, page].map(async (file) => (await readFile(file)).length / 2 ** 20);
const [sarifMb, pageMb] = await Promise.all(bytes);
await stop(follower);
await rm(home, { recursive: true, force: true });

report({
  name: "audit of 10 000 paths",
  value: times[0]!,
  unit: "s",
  better: "less",
  target: 10,
  how: `the command from start to exit over 5 copied logs, each path asked for the first time, SARIF and page (${sarifMb!.toFixed(1)} and ${pageMb!.toFixed(1)} MB) written; canned path-info`,
});
report({
  name: "the same audit again",
  value: median(times.slice(1)),
  unit: "s",
  better: "less",
  how: `the same closure, median of ${ROUNDS - 1} runs`,
});
