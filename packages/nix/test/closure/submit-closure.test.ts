/** Closures from a scripted Nix, in both shapes of its JSON. */
import { describe, expect, test } from "vitest";
import type { Claim, SubmitOutcome } from "../../src/claim.ts";
import { submitClosure } from "../../src/closure/submit-closure.ts";
import type { ClosureProgress, SubmitClosureOptions } from "../../src/closure/submit-closure.ts";
import { publishFilter } from "../../src/spool/publish-filter.ts";
import { derivationText, nthPath } from "../spool/items.ts";

const SRI = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;
const built = nthPath(1, "app");
const copied = nthPath(2, "glibc");
const local = nthPath(3, "etc");
const orphan = nthPath(4, "orphan");

const fields = (drv: string | null, ultimate: boolean) => ({
  narHash: SRI,
  narSize: 100,
  references: [],
  deriver: drv,
  ultimate,
});
const OBJECT = {
  [built.out]: fields(built.drv, true),
  [copied.out]: fields(null, false),
  [local.out]: fields(local.drv, true),
  [orphan.out]: fields(orphan.drv, true),
};
const ARRAY = Object.entries(OBJECT).map(([path, info]) => {
  const { deriver, ...rest } = info;
  return { path, ...rest, ...(deriver === null ? {} : { deriver }) };
});

function scripted(json: unknown): { calls: string[]; nix: SubmitClosureOptions["nix"] } {
  const calls: string[] = [];
  const derivations = new Map([
    [built.drv, derivationText(built.out)],
    [local.drv, derivationText(local.out, { preferLocalBuild: "1" })],
  ]);
  return {
    calls,
    nix: async (args) => {
      calls.push(args.join(" "));
      if (args[0] === "path-info") return Buffer.from(JSON.stringify(json));
      const text = derivations.get(args[2]!);
      if (text === undefined) throw new Error(`error: path '${args[2]}' is not valid\nmore`);
      return Buffer.from(text);
    },
  };
}

function node(refuse: readonly string[] = []): { got: string[]; submit: SubmitClosureOptions["submit"] } {
  const got: string[] = [];
  return {
    got,
    submit: async (claims: readonly Claim[]): Promise<SubmitOutcome> => {
      got.push(...claims.map((claim) => claim.path));
      return { state: "accepted", refused: claims.filter((c) => refuse.includes(c.path)).map((c) => c.key) };
    },
  };
}

describe.each([
  ["an array", ARRAY],
  ["an object", OBJECT],
])("with path-info as %s", (_name, json) => {
  test("only what was built here and may be published is submitted, the rest is named", async () => {
    const { nix, calls } = scripted(json);
    const { got, submit } = node();
    const report = await submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({}) });
    expect(got).toEqual([built.out]);
    expect(report.submitted).toEqual([built.out]);
    expect(report.left).toEqual([
      { path: copied.out, why: "not built here" },
      { path: local.out, why: expect.stringContaining("made for this machine") },
      { path: orphan.out, why: expect.stringMatching(/^its derivation cannot be read: error: path .* is not valid$/) },
    ]);
    expect(calls[0]).toBe(`path-info --offline --json --recursive -- ${built.out}`);
  });

  test("with --all what others built goes out too, privacy still holds", async () => {
    const { got, submit } = node();
    const { nix } = scripted(json);
    await submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({}), all: true });
    expect(got).toEqual([built.out, copied.out, orphan.out]);
  });
});

test("publish.allow can vouch for a path whose derivation is gone", async () => {
  const { got, submit } = node();
  const { nix } = scripted(OBJECT);
  await submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({ allow: ["orphan"] }) });
  expect(got).toEqual([orphan.out]);
});

test("what the log refuses is named", async () => {
  const { submit } = node([built.out]);
  const { nix } = scripted(OBJECT);
  const report = await submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({}) });
  expect(report).toMatchObject({ submitted: [], refused: [built.out] });
});

test("progress is told for each step and ends at the total", async () => {
  const many = Object.fromEntries(Array.from({ length: 450 }, (_, n) => [nthPath(n + 10).out, fields(null, true)]));
  const heard: ClosureProgress[] = [];
  const { submit } = node();
  const { nix } = scripted(many);
  const progress = (step: ClosureProgress) => void heard.push(step);
  await submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({}), all: true, progress });
  const submitting = heard.filter(({ step }) => step === "submitting");
  expect(submitting.map(({ done, total }) => [done, total])).toEqual([
    [200, 450],
    [400, 450],
    [450, 450],
  ]);
});

describe("a clear error", () => {
  const table: [string, readonly string[], unknown, string][] = [
    ["for no path", [], {}, "no store path given"],
    ["for a relative path", ["result"], {}, "a full store path wanted"],
    ["for an option", ["--help"], {}, "a full store path wanted"],
    [
      "for a path that is not valid, as an object",
      [built.out],
      { [built.out]: null },
      "is not in this machine's store",
    ],
    ["for a path that is not valid, as an array", [built.out], [{ path: built.out, valid: false }], "is not in this"],
    ["for something else than JSON of paths", [built.out], "hello", "path-info"],
  ];
  test.each(table)("%s", async (_name, paths, json, says) => {
    const { nix } = scripted(json);
    const { submit, got } = node();
    await expect(submitClosure({ paths, nix, submit, filter: publishFilter({}) })).rejects.toThrow(says);
    expect(got).toEqual([]);
  });

  test("for a batch that the node will not take", async () => {
    const { nix } = scripted(OBJECT);
    const submit = async (): Promise<SubmitOutcome> => ({ state: "invalid", why: "too large" });
    await expect(submitClosure({ paths: [built.out], nix, submit, filter: publishFilter({}) })).rejects.toThrow(
      "too large",
    );
  });
});
