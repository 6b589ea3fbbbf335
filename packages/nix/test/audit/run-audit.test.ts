/** A whole audit: batches, answers that are short, figures, and how it ends when something is wrong. */
import { expect, test } from "vitest";
import { runAudit, type Asked } from "../../src/audit/run-audit.ts";
import { nthInfo, PATH, pathInfoJson, verdictOf, VOTERS, crypto } from "./audited.ts";

const COUNT = 1203;
const infos = Array.from({ length: COUNT }, (_, i) => nthInfo(i));
const byPath = new Map(infos.map((info) => [info.storePath, info]));
const { signal } = new AbortController();
const options = {
  crypto,
  nix: async () => pathInfoJson(infos),
  roots: [infos[0]!.storePath],
  time: 1_800_000_000_000,
  signal,
};

/** Every tenth path is claimed otherwise by saturn, every hundredth decided otherwise. */
function verdict(path: string) {
  const i = Number(path.slice(11, 43));
  if (i % 100 === 1) return verdictOf(byPath.get(path as never)!, [9, 9, 9, "same"], 9);
  return verdictOf(byPath.get(path as never)!, ["same", "same", "same", i % 10 === 0 ? 9 : "unreachable"], "same");
}

test("every path is judged once, also when answers are short; the worst comes first", async () => {
  const asked: string[] = [];
  let most = 0;
  let open = 0;
  const told: number[] = [];
  const audit = await runAudit({
    ...options,
    progress: ({ done, total }) => void (total === COUNT && told.push(done)),
    ask: async (paths): Promise<Asked> => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      const some = paths.slice(0, 1 + (asked.length % 90));
      asked.push(...some);
      return { voters: VOTERS, verdicts: some.map(verdict) };
    },
  });
  expect(audit.paths.map(({ path }) => path).toSorted()).toEqual([...byPath.keys()].toSorted());
  expect(asked).toHaveLength(COUNT);
  expect(most).toBe(2);
  expect(told.at(-1)).toBe(COUNT);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  expect(audit.counts).toEqual({
    dissent: 13,
    "no-claim": 0,
    "single-source": 0,
    undecided: 0,
    "own-build": 0,
    "content-addressed": 0,
    agreed: COUNT - 13,
  });
  expect(audit.paths.slice(0, 13).every(({ finding }) => finding === "dissent")).toBe(true);
  // saturn differs from what was decided on its own tenth and on the thirteen where it holds what is installed.
  expect(audit.voters.map(({ name, claims, differing, silent }) => [name, claims, differing, silent])).toEqual([
    ["mercury", COUNT, 0, 0],
    ["venus", COUNT, 0, 0],
    ["mars", COUNT, 0, 0],
    ["saturn", 121 + 13, 121 + 13, COUNT - 121 - 13],
  ]);
});

test("another store is named to Nix, and a path that is not in it is told", async () => {
  const calls: string[] = [];
  const nix = async (args: readonly string[]): Promise<Uint8Array> => {
    calls.push(args.join(" "));
    return Buffer.from(JSON.stringify([{ path: PATH, valid: false }]));
  };
  const ask = async (): Promise<Asked> => ({ voters: VOTERS, verdicts: [] });
  const audit = runAudit({ ...options, nix, ask, store: "local?root=/elsewhere", roots: [PATH] });
  await expect(audit).rejects.toMatchObject({
    name: "ClosureError",
    message: `${PATH} is not in local?root=/elsewhere`,
  });
  expect(calls).toEqual([`path-info --offline --store local?root=/elsewhere --json --recursive -- ${PATH}`]);
});

test.each([
  ["nothing at all", [], /^Nix says nothing of \/nix\/store\/0{32}-package-0$/],
  ["only other paths", infos.slice(1), /^Nix says nothing of /],
])("a Nix that tells %s of what was asked for does not pass an audit", async (_, told, message) => {
  const ask = async (paths: readonly string[]): Promise<Asked> => ({ voters: VOTERS, verdicts: paths.map(verdict) });
  const audit = runAudit({ ...options, ask, nix: async () => pathInfoJson(told) });
  await expect(audit).rejects.toMatchObject({ name: "ClosureError", message: expect.stringMatching(message) });
});

test("what of Nix's answer cannot be read is named", async () => {
  const ask = async (): Promise<Asked> => ({ voters: VOTERS, verdicts: [] });
  const audit = runAudit({ ...options, ask, nix: async () => Buffer.from("[") });
  await expect(audit).rejects.toMatchObject({ name: "ClosureError", message: expect.stringMatching(/not JSON/) });
});

test("an answer without decisions, and other voters half-way, end it", async () => {
  const nothing = async (): Promise<Asked> => ({ voters: VOTERS, verdicts: [] });
  await expect(runAudit({ ...options, ask: nothing })).rejects.toMatchObject({ name: "AuditError" });
  let calls = 0;
  const changing = async (paths: readonly string[]): Promise<Asked> => {
    const voters = calls++ === 0 ? VOTERS : VOTERS.toReversed();
    return { voters, verdicts: paths.map(verdict) };
  };
  await expect(runAudit({ ...options, ask: changing })).rejects.toThrow(/voters changed during the audit/);
});
