/** The worker: what leaves the spool, what stays, and what it says. The node is a scripted submitter. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Claim, SubmitOutcome } from "../../src/claim.ts";
import { publishFilter } from "../../src/spool/publish-filter.ts";
import { defaultSpoolFolder } from "../../src/spool/spool-folder.ts";
import { openSpool, retryDelay } from "../../src/spool/spool-worker.ts";
import type { SpoolClock, SpoolOptions } from "../../src/spool/spool-options.ts";
import type { Spool } from "../../src/spool/spool-worker.ts";
import { itemText, nthItem, nthPath, OUT } from "./items.ts";

let folder: string;
let said: string[];
let opened: Spool[];

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "spool-")), "spool");
  await mkdir(folder, { mode: 0o700 });
  said = [];
  opened = [];
});
afterEach(async () => {
  for (const spool of opened) await spool.close();
  await rm(join(folder, ".."), { recursive: true, force: true });
});

const clock: SpoolClock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

async function open(submit: SpoolOptions["submit"], more: Partial<SpoolOptions> = {}): Promise<Spool> {
  const log = { info: note, warn: note };
  const spool = await openSpool({ folder, submit, clock, log, filter: publishFilter({}), ...more });
  opened.push(spool);
  return spool;
}

const note = (fields: object, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`);
const put = (name: string, text: string | Uint8Array) => writeFile(join(folder, `${name}.item`), text);
const waiting = async () => (await readdir(folder)).filter((name) => name.endsWith(".item")).sort();
const bad = async () => (await readdir(join(folder, "bad")).catch((): string[] => [])).sort();

/** A node that accepts everything, and what it got. */
function accepting(): { got: Claim[]; calls: number[]; submit: (claims: readonly Claim[]) => Promise<SubmitOutcome> } {
  const got: Claim[] = [];
  const calls: number[] = [];
  return {
    got,
    calls,
    submit: async (claims) => {
      got.push(...claims);
      calls.push(claims.length);
      return { state: "accepted", refused: [] };
    },
  };
}

test("a claim is the canonical value under the full store path, and leaves the spool when accepted", async () => {
  await put("a", itemText());
  const node = accepting();
  const report = await (await open(node.submit)).drain();
  expect(report).toEqual({ accepted: 1, refused: [], skipped: 0, bad: 0 });
  expect(Buffer.from(node.got[0]!.key).toString()).toBe(OUT);
  const hash = Buffer.alloc(32, 0xab).toString("base64");
  expect(Buffer.from(node.got[0]!.value).toString()).toBe(
    `{"path":"${OUT}","narHash":"sha256-${hash}","narSize":696,"references":[]}`,
  );
  expect(await waiting()).toEqual([]);
});

test("during an outage everything stays, and goes out once when the node is back", async () => {
  for (let n = 0; n < 5; n++) await put(`i${n}`, nthItem(n));
  let away = true;
  const node = accepting();
  const spool = await open(async (claims) => {
    if (away) throw new Error("connection refused");
    return node.submit(claims);
  });
  await expect(spool.drain()).rejects.toThrow("connection refused");
  expect(await waiting()).toHaveLength(5);
  away = false;
  expect((await spool.drain()).accepted).toBe(5);
  expect(node.got).toHaveLength(5);
  expect(await spool.waiting()).toBe(0);
});

test("many items go out in batches, oldest first", async () => {
  for (let n = 0; n < 1100; n++) await put(`i${n}`, nthItem(n));
  // The last one written is the oldest by its time.
  await utimes(join(folder, "i1099.item"), 1, 1);
  const node = accepting();
  expect((await (await open(node.submit)).drain()).accepted).toBe(1100);
  expect(node.calls).toEqual([500, 500, 100]);
  expect(node.got[0]!.path).toBe(nthPath(1099).out);
});

test("a refused claim is dropped and named", async () => {
  await put("a", nthItem(1));
  await put("b", nthItem(2));
  const refusing = async (claims: readonly Claim[]): Promise<SubmitOutcome> => ({
    state: "accepted",
    refused: claims.filter((claim) => claim.path === nthPath(1).out).map((claim) => claim.key),
  });
  const report = await (await open(refusing)).drain();
  expect(report).toMatchObject({ accepted: 1, refused: [nthPath(1).out] });
  expect(said.join("\n")).toContain("the log already holds another value");
  expect(await waiting()).toEqual([]);
});

test("an item that the node will never take goes to bad/, the others of its batch are accepted", async () => {
  for (let n = 0; n < 4; n++) await put(`i${n}`, nthItem(n));
  const node = accepting();
  const spool = await open(async (claims) =>
    claims.some((claim) => claim.path === nthPath(2).out)
      ? { state: "invalid", why: "too large" }
      : node.submit(claims),
  );
  expect(await spool.drain()).toMatchObject({ accepted: 3, bad: 1 });
  expect(await bad()).toEqual(["i2.item", "i2.item.reason"]);
  expect(await readFile(join(folder, "bad", "i2.item.reason"), "utf8")).toContain("too large");
});

describe("what cannot be used goes to bad/ with the reason and blocks nobody", () => {
  const other = nthPath(9).out;
  const table: { name: string; make: () => Promise<unknown>; says: string }[] = [
    { name: "noise", make: () => put("x", "\u0000\u0001"), says: "torn, or not an item" },
    { name: "an empty file", make: () => put("x", ""), says: "torn, or not an item" },
    { name: "a torn item", make: () => put("x", itemText().slice(0, -9)), says: "torn" },
    { name: "a broken derivation", make: () => put("x", itemText({ derivation: "Derive(" })), says: "derivation" },
    { name: "no derivation", make: () => put("x", itemText({ derivation: "" })), says: "could not read" },
    { name: "no facts", make: () => put("x", itemText({ facts: "" })), says: "submit-closure" },
    {
      name: "facts of a path that was not asked about",
      make: () => put("x", itemText({ outputs: [other] })),
      says: "is no output of",
    },
    {
      name: "facts of a path that is no output",
      make: async () =>
        put(
          "x",
          itemText({ outputs: [other], facts: itemText().split("facts\n")[1]!.split("deriv")[0]!.replace(OUT, other) }),
        ),
      says: "is no output of",
    },
    { name: "a size of zero", make: () => put("x", itemText().replace("\n696\n", "\n0\n")), says: "narSize" },
    { name: "a folder", make: () => mkdir(join(folder, "x.item")), says: "not a regular file" },
    { name: "a symbolic link", make: () => symlink("/etc/passwd", join(folder, "x.item")), says: "symbolic link" },
    {
      name: "a pipe",
      make: async () => execFileSync("sh", ["-c", 'mkfifo "$0"', join(folder, "x.item")]),
      says: "not a regular file",
    },
    {
      name: "a huge file",
      make: async () => {
        await put("x", "");
        await truncate(join(folder, "x.item"), 2 ** 40);
      },
      says: "at most",
    },
  ];
  test.each(table)("$name", async ({ make, says }) => {
    await make();
    await put("good", nthItem(1));
    const node = accepting();
    expect(await (await open(node.submit)).drain()).toMatchObject({ accepted: 1, bad: 1 });
    expect(await waiting()).toEqual([]);
    expect(await readFile(join(folder, "bad", "x.item.reason"), "utf8")).toContain(says);
  });
});

describe("privacy", () => {
  const structured = (json: object) => ({ __json: JSON.stringify(json) });
  const table: [string, Record<string, string>, boolean][] = [
    ["an ordinary derivation", {}, true],
    ["preferLocalBuild", { preferLocalBuild: "1" }, false],
    ["preferLocalBuild = false", { preferLocalBuild: "" }, true],
    ["allowSubstitutes = false", { allowSubstitutes: "" }, false],
    ["allowSubstitutes = true", { allowSubstitutes: "1" }, true],
    ["structured attributes that say nothing", structured({ name: "x" }), true],
    ["structured preferLocalBuild", structured({ preferLocalBuild: true }), false],
    ["structured allowSubstitutes = false", structured({ allowSubstitutes: false }), false],
    [
      "structured attributes that say false and true",
      structured({ preferLocalBuild: false, allowSubstitutes: true }),
      true,
    ],
    ["structured attributes that cannot be read", { __json: "{" }, false],
    ["structured attributes that are null", { __json: "null" }, false],
  ];
  test.each(table)("%s: published is %s", async (_name, attributes, published) => {
    await put("a", nthItem(1, attributes));
    const node = accepting();
    const report = await (await open(node.submit)).drain();
    expect(report).toMatchObject({ accepted: published ? 1 : 0, skipped: published ? 0 : 1, bad: 0 });
    expect(node.got).toHaveLength(published ? 1 : 0);
    expect(await waiting()).toEqual([]);
  });

  test("of several outputs only those that the rules let through are published", async () => {
    const { out, drv } = nthPath(1, "hello");
    const dev = nthPath(2, "hello-dev").out;
    const derivation = `Derive([("dev","${dev}","",""),("out","${out}","","")],[],[],"s","b",[],[])`;
    const facts = [out, dev].map((path) => `${path}\n${"cd".repeat(32)}\n100\n\n0\n`).join("");
    await put("a", itemText({ drv, outputs: [out, dev], facts, derivation }));
    const node = accepting();
    await (await open(node.submit, { filter: publishFilter({ deny: ["*-dev"] }) })).drain();
    expect(node.got.map((claim) => claim.path)).toEqual([out]);
    expect(said.join("\n")).toContain("publish.deny");
  });

  test("a floating derivation whose outputs Nix did not tell is skipped with the reason", async () => {
    const derivation = 'Derive([("out","","r:sha256","")],[],[],"s","b",[],[])';
    await put("a", itemText({ outputs: [], facts: "", derivation }));
    expect(await (await open(accepting().submit)).drain()).toMatchObject({ skipped: 1, bad: 0 });
    expect(said.join("\n")).toContain("content-addressed");
  });

  test("a floating derivation whose outputs Nix told is published", async () => {
    await put("a", itemText({ derivation: 'Derive([("out","","r:sha256","")],[],[],"s","b",[],[])' }));
    expect(await (await open(accepting().submit)).drain()).toMatchObject({ accepted: 1 });
  });
});

describe("the folder", () => {
  test.each([0o777, 0o770, 0o722])("with mode %o is refused", async (mode) => {
    await chmod(folder, mode);
    await expect(open(accepting().submit)).rejects.toMatchObject({ code: "unsafe", hint: `chmod 0700 ${folder}` });
  });

  test("that is a symbolic link is refused", async () => {
    const link = join(folder, "..", "link");
    await symlink(folder, link);
    await expect(open(accepting().submit, { folder: link })).rejects.toMatchObject({ code: "unsafe" });
  });

  test("that somebody else owns is refused", async () => {
    // Root's own folder, or for root somebody else's.
    const foreign = process.getuid?.() === 0 ? await chownedFolder() : "/root";
    await expect(open(accepting().submit, { folder: foreign })).rejects.toMatchObject({
      code: expect.stringMatching(/unsafe|unusable/),
    });
  });

  test("that does not exist is made for the owner alone", async () => {
    await rm(folder, { recursive: true });
    await open(accepting().submit);
    expect((await readdir(folder)).every((name) => name.startsWith("."))).toBe(true);
  });

  test("has one worker; another is told who", async () => {
    await open(accepting().submit);
    await expect(open(accepting().submit)).rejects.toMatchObject({ code: "locked" });
  });

  test("is rid of what killed hooks left, but not of a hook at work", async () => {
    await writeFile(join(folder, ".tmp-old"), "");
    await utimes(join(folder, ".tmp-old"), 1, 1);
    await writeFile(join(folder, ".tmp-new"), "");
    await open(accepting().submit);
    expect((await readdir(folder)).filter((name) => name.startsWith(".tmp-"))).toEqual([".tmp-new"]);
  });

  test.each([
    [{ TRUSTIX_SPOOL: "/a" }, 0, "/a"],
    [{}, 0, "/var/spool/trustix"],
    [{ XDG_STATE_HOME: "/s" }, 1000, "/s/trustix/spool"],
    [{ HOME: "/h" }, 1000, "/h/.local/state/trustix/spool"],
  ])("for %j and user %i is %s", (env, uid, expected) => expect(defaultSpoolFolder(env, uid)).toBe(expected));
});

async function chownedFolder(): Promise<string> {
  const path = join(folder, "..", "foreign");
  await mkdir(path, { mode: 0o700 });
  execFileSync("chown", ["65534", path]);
  return path;
}

describe("running", () => {
  test("an item that comes later is submitted without waiting for the poll", async () => {
    const end = new AbortController();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const spool = await open(
      async (claims) => {
        (claims[0]!.path === nthPath(1).out ? first : second).resolve();
        return { state: "accepted", refused: [] };
      },
      { poll: 3_600_000 },
    );
    await put("a", nthItem(1));
    const running = spool.run(end.signal);
    await first.promise;
    await writeFile(join(folder, ".tmp-b"), nthItem(2));
    execFileSync("mv", [join(folder, ".tmp-b"), join(folder, "b.item")]);
    await second.promise;
    end.abort();
    await running;
    expect(await waiting()).toEqual([]);
  });

  test("an outage is waited out with growing delays, and ends when told to", async () => {
    const delays: number[] = [];
    const end = new AbortController();
    const fast: SpoolClock = {
      now: () => 0,
      after: (ms, call) => {
        delays.push(ms);
        if (delays.length === 6) queueMicrotask(() => end.abort());
        else setImmediate(call);
        return { cancel: () => undefined };
      },
    };
    await put("a", nthItem(1));
    const spool = await open(() => Promise.reject(new Error("no route")), { clock: fast, random: () => 1 });
    await spool.run(end.signal);
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000]);
    expect(await waiting()).toEqual(["a.item"]);
    expect(said.join("\n")).toContain("nothing is lost: no route");
  });

  test.each([
    [1, 0, 500],
    [1, 1, 1000],
    [5, 1, 16_000],
    [9, 1, 256_000],
    [10, 1, 300_000],
    [10_000, 0.5, 225_000],
  ])("after %i failures the delay with chance %d is %i ms", (failures, chance, expected) => {
    expect(retryDelay(failures, () => chance)).toBe(expected);
  });
});
