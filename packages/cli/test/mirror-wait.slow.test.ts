/** `trustix mirror --wait`, against a node whose copies get on, or do not. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { toHex, utf8 } from "@trustix/crypto";
import {
  type FollowedStatusSchema,
  type MirrorStatusSchema,
  NodeExt,
  RemoteStatus_States,
  StatusResponseSchema,
} from "@trustix/proto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Io } from "../src/command.ts";
import { runCommandLine } from "../src/main.ts";
import { TRUSTIX } from "../src/trustix-commands.ts";
import { startFakeNode } from "./fake-node.ts";

type Followed = FieldsOf<typeof FollowedStatusSchema>;
type Mirror = FieldsOf<typeof MirrorStatusSchema>;
/** The fields of a message, without those that every message has. */
type FieldsOf<T extends DescMessage> = Omit<Extract<MessageInitShape<T>, { $typeName?: never }>, "$typeName">;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trustix-mirror-"));
});
afterEach(() => rm(folder, { recursive: true }));

const HEAD = {
  LogRoot: new Uint8Array(32),
  MapRoot: new Uint8Array(32),
  MHRoot: new Uint8Array(32),
  MHTreeSize: 1n,
  Signature: new Uint8Array(64),
};

/** A copy with so many entries of 1000, at one remote. */
function at(entries: number, mirror: Partial<Mirror> = {}, name = "saturn"): Followed {
  const Target = 1000n;
  const served = entries === 1000 ? { Served: { ...HEAD, TreeSize: Target } } : {};
  return {
    Log: { LogID: toHex(utf8(name)).padEnd(64, "0"), Mode: 0, Protocol: "test", Signer: { KeyType: 0, Public: "" } },
    Name: name,
    Head: { ...HEAD, TreeSize: Target },
    HeadSeenAt: 1n,
    Remotes: [{ URL: "http://a:1", State: RemoteStatus_States.REACHABLE, Since: 1n }],
    Mirror: { Entries: BigInt(entries), Target, Valued: BigInt(entries), ...served, ...mirror },
  };
}

const { Head: _, ...headless } = at(0);
const SILENT: Followed = {
  ...headless,
  Mirror: { Entries: 0n, Valued: 0n },
  Remotes: [{ URL: "http://a:1", State: RemoteStatus_States.UNREACHABLE, Since: 1n, Why: "connection refused" }],
};

interface Waited {
  readonly exit: number;
  readonly out: string[];
  readonly notes: string[];
  readonly shown: string[];
}

/** Runs the command while the node shows one status after the other, the last one for ever. A second goes by with each look. */
async function wait(
  looks: readonly (readonly Followed[])[],
  options: { readonly args?: readonly string[]; readonly watched?: boolean; readonly interruptAt?: number } = {},
): Promise<Waited> {
  const seen = { out: [] as string[], notes: [] as string[], shown: [] as string[] };
  const ending = new AbortController();
  let look = 0;
  const status = (): Uint8Array => {
    if (look === options.interruptAt) ending.abort(new Error("ended by SIGINT"));
    const Followed = [...looks[Math.min(look++, looks.length - 1)]!];
    return toBinary(StatusResponseSchema, create(StatusResponseSchema, { Version: "9", Now: 1_000_000n, Followed }));
  };
  const { status: method } = NodeExt.method;
  const handlers = new Map([[`/${method.parent.typeName}/${method.name}`, status]]);
  const node = await startFakeNode(join(folder, "node.socket"), handlers);
  const io: Io = {
    out: (line) => void seen.out.push(line),
    outBytes: () => undefined,
    note: (line) => void seen.notes.push(line),
    progress: (line) => void seen.shown.push(line),
    stdin: () => Readable.from([]),
    env: { TRUSTIX_RPC: `unix://${folder}/node.socket` },
    cwd: folder,
    uid: process.geteuid?.() ?? 0,
    signal: ending.signal,
    onHangup: () => undefined,
    terminal: false,
    watched: options.watched ?? false,
    now: () => 1000 * look,
  };
  try {
    return { exit: await runCommandLine(TRUSTIX, ["mirror", "--wait", ...(options.args ?? [])], io), ...seen };
  } finally {
    node.closeAllConnections();
    await new Promise((resolve) => node.close(resolve));
  }
}

test("it returns once every copy serves the held head", async () => {
  const venus = at(1000, {}, "venus");
  const { exit, out, notes } = await wait([
    [SILENT, venus],
    [at(10), venus],
    [at(999), venus],
    [at(1000), venus],
  ]);
  expect(exit).toBe(0);
  expect(out).toEqual([
    expect.stringMatching(/^saturn 7361[0-9a-f]+: whole: 1000 entries$/),
    expect.stringMatching(/^venus .*whole/),
  ]);
  expect(notes).toEqual([]);
});

test("a person sees a bar with rate and time left", async () => {
  const venus = at(1000, {}, "venus");
  const { shown, notes } = await wait([[at(0, { Rate: 0 })], [at(400, { Rate: 50 }), venus], [at(1000)]], {
    watched: true,
  });
  expect(shown).toEqual([
    "[....................] 0 % of 1 log, 0 of 1000 entries",
    "[##############......] 70 % of 2 logs, 1400 of 2000 entries, 50 a second, 12 s left",
  ]);
  expect(notes).toEqual([]);
});

test("where nobody watches, there is a line now and then", async () => {
  const looks = Array.from({ length: 12 }, (_, i) => [at(10 * i, { Rate: 10 })]);
  const { notes, shown, exit } = await wait([...looks, [at(1000)]], { args: ["--json"] });
  expect({ exit, shown }).toEqual({ exit: 0, shown: [] });
  expect(notes.length).toBe(2);
  expect(notes[0]).toMatch(
    /^trustix: saturn: \d+ of 1000 entries \(\d %\), none counts before all are here, 10 a second, (9\d s|2 min) left$/,
  );
});

test("a copy that gets on although something fails now and then is waited for", async () => {
  const looks = Array.from({ length: 20 }, (_, i) => [at(i, { Why: "http://a:1: connection reset" })]);
  expect(await wait([...looks, [at(1000)]], { args: ["--patience", "5"] })).toMatchObject({ exit: 0 });
});

test.each([
  {
    what: "a copy that is held up",
    look: at(400, { Why: "http://a:1: connection refused" }),
    told: /^trustix: error: log saturn: 400 entries and no more for [5-9] s: http:\/\/a:1: connection refused$/,
  },
  {
    what: "a log that no remote shows a head of",
    look: SILENT,
    told: /^trustix: error: log saturn: 0 entries and no more for [5-9] s: http:\/\/a:1: connection refused$/,
  },
])("$what for too long is exit 1, with the reason", async ({ look, told }) => {
  const { exit, notes, out } = await wait([[look]], { args: ["--patience", "5"] });
  expect({ exit, out }).toEqual({ exit: 1, out: [] });
  expect(notes.find((line) => line.startsWith("trustix: error"))).toMatch(told);
});

test("a head that is a lie is exit 3 at once", async () => {
  const lie = at(400, { Lie: true, Why: "the map root of its head is not the one that its entries make" });
  const { exit, out } = await wait([[at(0)], [lie, at(3, {}, "venus")]]);
  expect(exit).toBe(3);
  expect(out[0]).toMatch(/^saturn .*: LIE: the map root of its head is not the one that its entries make; 400 of 1000/);
});

test("Ctrl-C ends the waiting, and says that the copying goes on", async () => {
  const { exit, notes } = await wait([[at(1)]], { interruptAt: 2 });
  expect(exit).toBe(1);
  expect(notes).toEqual(["trustix: the node goes on copying, and nothing that it has is lost"]);
});

test("without any copy there is nothing to wait for", async () => {
  const { exit, notes } = await wait([[]]);
  expect(exit).toBe(0);
  expect(notes).toEqual([expect.stringMatching(/no followed log is copied/)]);
});
