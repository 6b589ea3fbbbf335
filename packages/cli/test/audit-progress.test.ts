/** `trustix audit` while it works: what a person sees, what a log gets, and what is left when it is ended. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { create, toBinary } from "@bufbuild/protobuf";
import { DecideManyResponseSchema, NodeExt } from "@trustix/proto";
import { voteToWire, type LogId, type VoteOutcome } from "@trustix/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Io } from "../src/command.ts";
import { runCommandLine } from "../src/main.ts";
import { TRUSTIX } from "../src/trustix-commands.ts";
import { startFakeNode } from "./fake-node.ts";

const VOTER = { LogID: "10".repeat(32), Name: "mars" };
const MACHINE = "/nix/store/00000000000000000000000000000004-machine";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-audit-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Seen {
  readonly exit: number;
  readonly out: string[];
  readonly notes: string[];
  readonly shown: string[];
}

/**
 * Audits the seven paths of the fake Nix, which the node answers one by one; its one voter says of each what `outcome` is.
 * Three seconds go by with each.
 */
async function audit(
  options: { watched?: boolean; interruptAt?: number; outcome?: VoteOutcome; args?: readonly string[] } = {},
): Promise<Seen> {
  const seen = { out: [] as string[], notes: [] as string[], shown: [] as string[] };
  const ending = new AbortController();
  let calls = 0;
  const answer = (): Uint8Array => {
    if (++calls === options.interruptAt) ending.abort(new Error("ended by SIGINT"));
    const vote = { logId: VOTER.LogID as LogId, outcome: options.outcome ?? "absent", digest: undefined, reason: "" };
    const Decisions = [{ Reason: "0 of 1 agree, 1 needed", Votes: [voteToWire(vote)] }];
    return toBinary(DecideManyResponseSchema, create(DecideManyResponseSchema, { Decisions, Voters: [VOTER] }));
  };
  const { decideMany: method } = NodeExt.method;
  const handlers = new Map([[`/${method.parent.typeName}/${method.name}`, answer]]);
  const node = await startFakeNode(join(folder, "node.socket"), handlers);
  const io: Io = {
    out: (line) => void seen.out.push(line),
    outBytes: () => undefined,
    note: (line) => void seen.notes.push(line),
    progress: (line) => void seen.shown.push(line),
    stdin: () => Readable.from([]),
    env: {
      PATH: `${join(import.meta.dirname, "bin")}:/usr/bin:/bin`,
      TRUSTIX_RPC: `unix://${folder}/node.socket`,
    },
    cwd: folder,
    uid: process.geteuid?.() ?? 0,
    signal: ending.signal,
    onHangup: () => undefined,
    terminal: false,
    watched: options.watched ?? false,
    now: () => 3000 * calls,
  };
  try {
    return { exit: await runCommandLine(TRUSTIX, ["audit", MACHINE, ...(options.args ?? [])], io), ...seen };
  } finally {
    node.closeAllConnections();
    await new Promise((resolve) => node.close(resolve));
  }
}

test("a person sees a bar with rate and time left", async () => {
  const { shown, notes, exit } = await audit({ watched: true });
  expect(shown).toEqual([
    "reading the closure ...",
    "[....................] paths: 0 of 7 (0 %)",
    "[##..................] paths: 1 of 7 (14 %), 20/min, 18 s left",
    "[#####...............] paths: 2 of 7 (28 %), 20/min, 15 s left",
    "[########............] paths: 3 of 7 (42 %), 20/min, 12 s left",
    "[###########.........] paths: 4 of 7 (57 %), 20/min, 9 s left",
    "[##############......] paths: 5 of 7 (71 %), 20/min, 6 s left",
    "[#################...] paths: 6 of 7 (85 %), 20/min, 3 s left",
    "[####################] paths: 7 of 7 (100 %), 20/min, 0 s left",
  ]);
  expect(notes).toEqual([]);
  expect(exit).toBe(3);
});

test("a log gets a line now and then", async () => {
  const { notes } = await audit();
  expect(notes).toEqual([
    expect.stringMatching(/^trustix: paths: 2 of 7 \(28 %\), .*, 15 s left$/),
    expect.stringMatching(/^trustix: paths: 4 of 7 /),
    expect.stringMatching(/^trustix: paths: 6 of 7 /),
  ]);
});

test("ended half-way, it says so, and the report before is still there, and nothing beside it", async () => {
  await writeFile(join(folder, "audit.html"), "the one before");
  const { exit, notes, out } = await audit({ interruptAt: 2, args: ["--html", "audit.html", "--sarif", "new.sarif"] });
  expect([exit, out]).toEqual([1, []]);
  expect(notes).toEqual(["trustix: ended before all was looked at; no report was written"]);
  expect(await readFile(join(folder, "audit.html"), "utf8")).toBe("the one before");
  expect(await readdir(folder)).toEqual(["audit.html"]);
});

test("what could not be judged because nobody could be asked is a failure and no refusal, and is shown all the same", async () => {
  const { exit, out, notes } = await audit({ outcome: "unreachable" });
  expect(exit).toBe(1);
  expect(out.slice(1, 3)).toEqual([expect.stringMatching(/own build +1$/), expect.stringMatching(/undecided +6$/)]);
  expect(notes.slice(-2)).toEqual([
    "trustix: error: 6 paths could not be judged without mars, who could not be asked or did not count",
    "trustix: hint: `trustix status` says why; audit again when they can be asked",
  ]);
  // A bad proof is no outage.
  expect((await audit({ outcome: "unverifiable" })).exit).toBe(3);
});
