/**
 * A publisher put back from an old backup, as processes: it stops by itself, is told who has the rest, and goes on; a
 * follower that saw everything sees one history.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { runCommand } from "./transcript.ts";

const TRUSTIX = join(import.meta.dirname, "../src/trustix.ts");
const children = new Set<ChildProcess>();
/** Made once: what is left when a publisher lost entries. Each test has its own copy. */
let template: string;
let home: string;
let logId: string;

interface Ran {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

function env(): Record<string, string> {
  return {
    TRUSTIX_SPOOL: `${home}/spool`,
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    TRUSTIX_TOKEN: join(home, "token"),
    NODE_COMPILE_CACHE: join(template, "compiled"),
  };
}

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ran>; said: () => string } {
  const child = spawn(process.execPath, [TRUSTIX, ...args], {
    env: env(),
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<Ran>((done) =>
    child.on("close", (exit) => done({ exit, out: out.trim(), err: err.trim() })),
  );
  void ended.then(() => children.delete(child));
  return { child, ended, said: () => err };
}

/** In this process, on the same code below `main`: a process of its own costs half a second. */
async function run(...args: string[]): Promise<Ran> {
  const { exit, stdout, stderr } = await runCommand(`trustix ${args.join(" ")}`, { cwd: home, env: env() });
  return { exit, out: stdout.join("\n"), err: stderr.join("\n") };
}

const address = (name: string): string => `unix://${home}/${name}.socket`;
const at = (name: string, ...args: string[]): Promise<Ran> => run(...args, "--address", address(name));

/** A daemon named by its socket; ended by `stop`. */
async function daemon(name: string, config: string, state: string): Promise<{ stop(): Promise<void> }> {
  const { child, ended, said } = start(
    `daemon --config ${config} --state ${state} --listen ${address(name)} --interval 1`.split(" "),
  );
  const deadline = Date.now() + 20_000;
  while (!said().includes('"msg":"ready"')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`no daemon ${name}: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return {
    async stop() {
      child.kill("SIGTERM");
      expect((await ended).exit).toBe(0);
    },
  };
}

const hex = (text: string): string => Buffer.from(text).toString("hex");

async function publish(name: string, ...keys: string[]): Promise<void> {
  for (const key of keys)
    expect(await at(name, "submit", "--key", hex(key), "--value", hex(`value of ${key}`))).toMatchObject({ out: "OK" });
  expect(await at(name, "flush")).toEqual({ exit: 0, out: "", err: "" });
}

interface Status {
  readonly published: readonly { treeSize: number; logRoot: string; stopped?: string; waiting: number }[];
  readonly followed: readonly { treeSize: number; logRoot: string; remotes: readonly { state: string }[] }[];
}

async function status(name: string): Promise<Status> {
  return JSON.parse((await at(name, "status", "--json")).out) as Status;
}

/**
 * Runs the follower until it holds the head that the publisher shows. Its folder remembers what it saw; it runs only
 * while there is something to see, because it asks a node that is down ever less often.
 */
async function follow(): Promise<void> {
  const follower = await daemon("follower", "follower.toml", "follower-state");
  const [wanted] = (await status("publisher")).published;
  const deadline = Date.now() + 20_000;
  for (;;) {
    const [log] = (await status("follower")).followed;
    expect(log!.remotes.map(({ state }) => state)).not.toContain("refused");
    if (log!.treeSize === wanted!.treeSize && log!.logRoot === wanted!.logRoot) return follower.stop();
    if (Date.now() > deadline) throw new Error(`followed: ${JSON.stringify(log)}, published ${JSON.stringify(wanted)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function writeConfigs(remotes: readonly string[] = []): Promise<void> {
  const key = (await readFile(join(home, "log.pub"), "utf8")).trim();
  const token = (await readFile(join(home, "token.pub"), "utf8")).trim();
  const publicKey = `publicKey = { type = "ed25519", key = "${key}" }`;
  await writeFile(
    join(home, "publisher.toml"),
    `remotes = ${JSON.stringify(remotes)}
write_tokens = ["${token}"]
head-marker = "heads"
flush = { interval = 600 }
[[publishers]]
protocol = "test"
signer = "mine"
${publicKey}
[signers.mine]
type = "ed25519"
ed25519 = { private-key-path = "log.key" }
`,
  );
  await writeFile(
    join(home, "follower.toml"),
    `remotes = ["${address("publisher")}"]
[[subscribers]]
protocol = "test"
${publicKey}
`,
  );
}

/** Leaves `state` as a backup of 2 entries, `newer` with 5 entries and an item that waits; the follower has seen all. */
beforeAll(async () => {
  home = template = await mkdtemp(join(tmpdir(), "trustix-recover-"));
  await run("generate-key", "--privkey", "log.key", "--pubkey", "log.pub");
  await run("generate-token", "--name", "me", "--privkey", "token", "--pubkey", "token.pub");
  logId = (await run("print-log-id", "--protocol", "test", "--pubkey", "log.pub")).out;
  await writeConfigs();
  let publisher = await daemon("publisher", "publisher.toml", "state");
  await publish("publisher", "a", "b");
  await publisher.stop();
  await cp(join(home, "state"), join(home, "backup"), { recursive: true });
  publisher = await daemon("publisher", "publisher.toml", "state");
  await publish("publisher", "c", "d", "e");
  await follow();
  await at("publisher", "submit", "--key", hex("w"), "--value", hex("waits"));
  await publisher.stop();
  await rename(join(home, "state"), join(home, "newer"));
  await rename(join(home, "backup"), join(home, "state"));
}, 60_000);
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "trustix-recover-"));
  const made = (source: string): boolean => !source.endsWith("compiled") && !source.endsWith(".socket");
  await cp(template, home, { recursive: true, filter: made });
  await writeConfigs();
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(home, { recursive: true, force: true });
});
afterAll(() => rm(template, { recursive: true, force: true }));

const recover = (...args: string[]): Promise<Ran> =>
  run("recover", "--config", "publisher.toml", "--state", "state", ...args);

test.each([
  { from: "a newer copy of the state", how: "--from-state" },
  { from: "a node that serves the log", how: "--from" },
  { from: "the configured remotes, one of them down", how: "remotes" },
])("a publisher on an old backup catches up from $from and publishes on", { timeout: 120_000 }, async ({ how }) => {
  const isNode = how !== "--from-state";
  const waiting = isNode ? 0 : 1;
  if (how === "remotes") await writeConfigs([address("nobody"), address("source")]);
  let publisher = await daemon("publisher", "publisher.toml", "state");
  expect(await at("publisher", "submit", "--key", hex("x"), "--value", hex("later"))).toMatchObject({ out: "OK" });
  expect(await at("publisher", "flush")).toMatchObject({ exit: 1, err: expect.stringContaining("`trustix recover`") });
  expect(await at("publisher", "status")).toMatchObject({
    exit: 1,
    out: expect.stringMatching(/STOPPED: .* a? ?head of 5 entries, the store ends at 2: .*`trustix recover`/),
  });
  expect(await recover("--from-state", "newer")).toMatchObject({
    exit: 1,
    err: expect.stringMatching(/in use by .*\n.*hint: stop the daemon first/),
  });
  await publisher.stop();

  const source = isNode ? await daemon("source", "publisher.toml", "newer") : undefined;
  const from = how === "remotes" ? [] : [how, isNode ? address("source") : "newer"];
  const words = ["recover", "--config", "publisher.toml", "--state", "state", ...from, "--json"];
  const recovered = await start(words).ended;
  expect(recovered).toMatchObject({ exit: 0, err: how === "remotes" ? expect.stringContaining("nobody.socket") : "" });
  expect(JSON.parse(recovered.out)).toEqual({
    treeSize: 5,
    fetched: 3,
    waitingTakenOver: waiting,
    from: isNode ? address("source") : join(home, "newer"),
    sourceTreeSize: 5,
  });
  await source?.stop();
  expect(await run("fsck", "--state", "state")).toMatchObject({ exit: 0, out: expect.stringContaining("sound") });

  publisher = await daemon("publisher", "publisher.toml", "state");
  await publish("publisher", "y");
  const [log] = (await status("publisher")).published;
  expect(log).toMatchObject({ treeSize: 7 + waiting, waiting: 0 });
  expect(log).not.toHaveProperty("stopped");
  await follow();
  expect(await at("publisher", "query", "--key", hex("d"))).toMatchObject({ exit: 0 });
  await publisher.stop();
});

test("what cannot be recovered says why and what to do", { timeout: 60_000 }, async () => {
  expect(await recover("--from", "http://127.0.0.1:1", "--from-state", "newer")).toMatchObject({ exit: 2 });
  expect(await recover("--from-state", "nowhere")).toMatchObject({
    exit: 1,
    err: expect.stringContaining("nowhere holds no state of a node"),
  });
  expect(await recover("--from-state", "state")).toMatchObject({ exit: 2 });
  expect(await recover()).toMatchObject({
    exit: 1,
    err: expect.stringMatching(/no remote is configured\n.*hint: --from names a node/),
  });
  expect(await recover("--from", address("nobody"))).toMatchObject({
    exit: 1,
    err: expect.stringContaining(`nobody to fetch log ${logId} from`),
  });
  // The folder alone is in order; what is outside it says that something is missing.
  expect(await run("fsck", "--state", "state")).toMatchObject({ exit: 0 });
  expect(await run("fsck", "--state", "state", "--config", "publisher.toml")).toMatchObject({
    exit: 3,
    out: expect.stringMatching(/missing: the head marker \S+\/heads\/[0-9a-f]{64} has a head of 5 entries/),
  });
  // A source that lags too: what it has is taken, and the log stays stopped.
  await cp(join(home, "state"), join(home, "copy"), { recursive: true });
  expect(await recover("--from-state", "copy")).toMatchObject({
    exit: 3,
    out: `2 entries: nothing newer at ${home}/copy, which has 2`,
    err: expect.stringMatching(/would still sign nothing: the head marker/),
  });
  // Everything is gone but the marker and the newer copy.
  await rm(join(home, "state"), { recursive: true });
  expect(await recover("--from-state", "newer")).toMatchObject({
    exit: 0,
    out: `5 entries: 5 entries fetched from ${home}/newer, which has 5, 1 waiting item taken over`,
    err: expect.stringContaining("the log is put back into a new one"),
  });
  expect(await recover("--from-state", "newer")).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/^5 entries: nothing newer at /),
  });
});
