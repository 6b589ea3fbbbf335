/**
 * What the post-build hook adds to a build: its wall time minus that of the same two Nix calls alone, with real Nix in
 * a store of its own. The hook is one process for whoever starts it and the calls are two, so the cost of starting one
 * process is taken off the calls: neither side pays for it twice.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedNix, makeNixParty, removeStores, writeDemoPackages } from "@trustix/testkit/nix";
import { median, report } from "./figure.ts";

const ROUNDS = 50;
const HOOK = join(import.meta.dirname, "../packages/nix/src/hook/post-build-hook.sh");

function milliseconds(commands: readonly (readonly string[])[], env: NodeJS.ProcessEnv): number {
  const started = performance.now();
  for (const [program, ...args] of commands) {
    const { status, stderr } = spawnSync(program!, args, { env });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  }
  return performance.now() - started;
}

const nix = await installedNix();
if (nix === undefined) {
  process.stderr.write("hook: no Nix here, nothing measured\n");
} else {
  const folder = await mkdtemp(join(tmpdir(), "trustix-hook-bench-"));
  try {
    const party = await makeNixParty({ folder: join(folder, "party"), nix });
    const expression = await writeDemoPackages(join(folder, "packages"));
    const outputs = await party.build(expression, ["engine.out", "engine.dev", "engine.doc"]);
    const derivation = await party.ok("nix-instantiate", [expression, "-A", "engine"]);
    const drvPath = derivation.replace(/!.*$/, "");
    const spool = join(folder, "spool");
    const env = { ...party.env, DRV_PATH: drvPath, OUT_PATHS: outputs.join(" "), TRUSTIX_SPOOL: spool };
    const features = ["--extra-experimental-features", "nix-command"];
    const calls = [
      ["nix", ...features, "store", "cat", drvPath],
      ["nix-store", "--dump-db", ...outputs],
    ];

    const taken = { hook: [] as number[], calls: [] as number[], added: [] as number[] };
    // Taken in turns, so that whatever else the machine does meets all three alike; the first round warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const hook = milliseconds([[HOOK]], env);
      const alone = milliseconds(calls, env);
      const start = milliseconds([["true"]], env);
      if (round === 0) continue;
      taken.hook.push(hook);
      taken.calls.push(alone - start);
      taken.added.push(hook - (alone - start));
    }
    const noted = (await readdir(spool)).filter((name) => name.endsWith(".item")).length;
    if (noted !== ROUNDS + 1) throw new Error(`${ROUNDS + 1} items expected in the spool, found ${noted}`);

    const how = `Nix ${nix.version}, derivation with 3 outputs, median of ${ROUNDS}`;
    const time = { unit: "ms", better: "less" } as const;
    report({ name: "hook, whole", value: median(taken.hook), ...time, how });
    report({ name: "hook, its Nix calls alone", value: median(taken.calls), ...time, how });
    const minus = `${how}, of the differences of hook and Nix calls run one after the other`;
    report({ name: "hook, added", value: median(taken.added), ...time, target: 10, diskShare: 0.1, how: minus });
  } finally {
    await removeStores(folder);
    await rm(folder, { recursive: true, force: true });
  }
}
