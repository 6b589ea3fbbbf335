/** Configuration files against their corpus and whatever a slip of an editor, or a generator, may make of a good one. */
import { join } from "node:path";
import { utf8 } from "@trustix/crypto";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Config } from "../../src/config/index.ts";
import { configSchema } from "../../src/config/schema.ts";
import { NodeError } from "../../src/errors.ts";
import { keyOf, load, publisher, subscriber } from "./files.ts";

const TOML = [
  "",
  publisher(1, 'name = "mine"\n[publishers.meta]\nupstream = "https://cache.example"'),
  `remotes = ["http://localhost:8081"]\nsocket-owners = [12]\n${subscriber(2, 'name = "venus"')}${subscriber(3)}
[[decider.nix]]
engine = "quorum"
[decider.nix.quorum]
threshold = 1
voters = ["venus"]
[[decider.nix]]
engine = "quorum"
[decider.nix.quorum]
threshold = 1
weights = { venus = 2 }
[[decider.nix.quorum.groups]]
name = "all"
threshold = 1
[policy.nix]
mode = "warn"
[[policy.nix.exceptions]]
match = "hello-*"
reason = "timestamps"
expires = 2026-12-31
voters = ["venus"]
[[listeners]]
address = "http://[::1]:8080"
[limits]
value-bytes = 2048
[flush]
interval = 0.2
`,
];
const JSONS = [
  {},
  {
    storage: { type: "native" },
    subscribers: [{ protocol: "test", publicKey: { type: "ed25519", key: keyOf(1).publicText }, meta: { a: "b" } }],
    write_tokens: [`default:${keyOf(9).publicText}`],
    voters: [{ kind: "binary-cache", url: "https://cache.example", "public-keys": [`c-1:${keyOf(3).publicText}`] }],
    upstreams: [{ url: "https://cache.example", "public-keys": [`c-1:${keyOf(2).publicText}`] }],
    publish: { allow: ["hello-*"], deny: [] },
  },
].map((file) => JSON.stringify(file, undefined, 1));

/** The corpus says `...` for the keys of the whole file, so that a new one changes no outcome. */
const ALL_KEYS = Object.keys(configSchema.shape).join(", ");

const reader =
  (ending: string) =>
  async (content: Uint8Array): Promise<Config> => {
    try {
      return await load("", { [`/etc/trustix/c.${ending}`]: { content } });
    } catch (error) {
      if (error instanceof Error) error.message = error.message.replaceAll(ALL_KEYS, "...");
      throw error;
    }
  };

const isRefusal = (error: unknown): boolean => error instanceof NodeError && error.code === "bad_config";

// Up to eight problems are told at once, and an unknown key is answered with those that are known.
const maxMessage = 4000;

describeParsers(join(import.meta.dirname, "corpus"), {
  toml: parser({ read: reader("toml"), good: fc.constantFrom(...TOML.map(utf8)), isRefusal, maxMessage }),
  json: parser({ read: reader("json"), good: fc.constantFrom(...JSONS.map(utf8)), isRefusal, maxMessage }),
});

test("thousands of names that are nearly right cost little more than reading them", async () => {
  const logs = Array.from({ length: 1500 }, (_, i) => {
    const key = Buffer.from(String(i).padStart(32)).toString("base64");
    return `[[subscribers]]\nname = "venus ${i}"\nprotocol = "nix"\npublicKey = { type = "ed25519", key = "${key}" }\n`;
  });
  const voters = Array.from({ length: 1500 }, (_, i) => `"venu ${i}"`).join();
  const text = `${logs.join("")}[[decider.nix]]\nengine = "quorum"\nquorum = { threshold = 1, voters = [${voters}] }`;
  const before = process.threadCpuUsage();
  await expect(load(text)).rejects.toThrow(/venus 19 and 1480 more\n/);
  expect(process.threadCpuUsage(before).user / 1000).toBeLessThan(1500);
});
