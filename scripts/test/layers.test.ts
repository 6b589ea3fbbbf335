import { describe, expect, test } from "vitest";
import { importGraph, layerTable } from "../layers/graph.ts";
import { reachOf } from "../layers/imports-of.ts";
import { packageOf, type Repository } from "../layers/repository.ts";
import { layerProblems } from "../layers/rules.ts";

/** A small checkout: two pure packages, a contract, a service with parts, a test kit. */
function repository(
  files: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, object>> = {},
): Repository {
  const manifest = (name: string, layer: number, dependencies: readonly string[], more: object = {}) =>
    packageOf(`packages/${name}`, {
      name: `@trustix/${name}`,
      description: `what ${name} does`,
      version: "0.1.0",
      exports: { ".": "./src/index.ts" },
      trustix: { layer },
      dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, "1.0.0"])),
      ...more,
      ...changes[name],
    });
  return {
    packages: [
      manifest("crypto", 0, []),
      manifest("merkle", 0, ["@trustix/crypto"]),
      manifest("storage", 1, ["classic-level"], { exports: { ".": "", "./conformance": "" } }),
      manifest("node", 3, ["@trustix/merkle", "@trustix/storage", "pino"]),
      manifest("testkit", 9, ["@trustix/node"]),
    ],
    files: Object.entries(files).map(([path, text]) => ({ path, text })),
    version: "0.1.0",
    rootDependencies: new Set(["vitest", "fast-check"]),
  };
}

const messages = (files: Readonly<Record<string, string>>, changes?: Readonly<Record<string, object>>) =>
  layerProblems(repository(files, changes)).map(({ path, line, message }) => `${path}:${line}: ${message}`);

describe("an import is refused", () => {
  const refused: readonly [what: string, path: string, text: string, message: string][] = [
    [
      "of a package that is not declared",
      "packages/node/src/a.ts",
      `import "undici";`,
      "undici is not declared in packages/node/package.json",
    ],
    [
      "of a lower package that is not declared",
      "packages/node/src/a.ts",
      `import { x } from "@trustix/crypto";`,
      "@trustix/crypto is not declared",
    ],
    [
      "upward",
      "packages/storage/src/a.ts",
      `export * from "@trustix/node";`,
      "@trustix/storage (layer 1) must not depend on @trustix/node (layer 3)",
    ],
    ["sideways", "packages/crypto/src/a.ts", `import type { Tree } from "@trustix/merkle";`, "imports go down"],
    [
      "of dev-only code by what ships",
      "packages/node/src/a.ts",
      `import { fake } from "@trustix/testkit";`,
      "(layer 9)",
    ],
    [
      "past the exports",
      "packages/node/src/a.ts",
      `import { x } from "@trustix/storage/src/lock.ts";`,
      "not among the exports of @trustix/storage",
    ],
    [
      "past the exports, also by a test",
      "packages/node/test/a.test.ts",
      `import { x } from "@trustix/storage/lock";`,
      "not among the exports",
    ],
    [
      "into another package's folder",
      "packages/node/src/a.ts",
      `import { x } from "../../merkle/src/a.ts";`,
      "leaves packages/node",
    ],
    ["of tests by what ships", "packages/node/src/a.ts", `import { x } from "../test/a.ts";`, "leaves src"],
    [
      "of node: in layer 0",
      "packages/merkle/src/a.ts",
      `import { readFileSync } from "node:fs";`,
      "layer 0 is pure: no node:fs",
    ],
    [
      "of a built-in without node: in layer 0",
      "packages/merkle/src/a.ts",
      `import fs from "fs";`,
      "layer 0 is pure: no fs",
    ],
    [
      "of an undeclared package by a test",
      "packages/node/test/a.test.ts",
      `import "left-pad";`,
      "left-pad is not declared",
    ],
    [
      "of an undeclared package by a bench",
      "bench/a.bench.ts",
      `import "left-pad";`,
      "left-pad is not declared in package.json",
    ],
    [
      "from part to part",
      "packages/node/src/publisher/a.ts",
      `import { x } from "../server/b.ts";`,
      "publisher must not import server/",
    ],
    [
      "from a shared file to a part",
      "packages/node/src/model.ts",
      `import type { x } from "./server/b.ts";`,
      "a shared file must not import server/",
    ],
    [
      "of the file that builds the parts, by a part",
      "packages/node/src/server/a.ts",
      `import { x } from "../daemon.ts";`,
      "only outsiders import daemon.ts",
    ],
    ["by a dynamic import", "packages/node/src/a.ts", `const x = await import("undici");`, "undici is not declared"],
    ["by a type", "packages/node/src/a.ts", `type X = import("undici").Agent;`, "undici is not declared"],
  ];
  test.each(refused)("%s", (_, path, text, message) => {
    expect(messages({ [path]: `// first line\n${text}` })).toEqual([expect.stringContaining(`${path}:2: `)]);
    expect(messages({ [path]: text })[0]).toContain(message);
  });

  test("already where it is declared", () => {
    const upward = { storage: { dependencies: { "@trustix/node": "1" } } };
    expect(messages({}, upward)).toEqual([
      "packages/storage/package.json:1: @trustix/storage (layer 1) must not depend on @trustix/node (layer 3): imports go down",
    ]);
  });
});

test("imports that the layers mean are accepted", () => {
  const files = {
    "packages/merkle/src/a.ts": `import { concat } from "@trustix/crypto"; import { b } from "./b.ts"; export const text = "node:fs";`,
    "packages/node/src/version.ts": `import manifest from "../package.json" with { type: "json" };`,
    "packages/node/src/daemon.ts": `import { serve } from "./server/serve.ts"; import { readFile } from "node:fs/promises";`,
    "packages/node/src/publisher/flush.ts": `import { layout } from "../logs/layout.ts"; import { fail } from "../errors.ts"; import { pino } from "pino";`,
    "packages/node/test/a.test.ts": `import { kit } from "@trustix/testkit"; import { x } from "../src/server/b.ts"; import fc from "fast-check"; import c from "@trustix/crypto";`,
    "packages/storage/test/a.test.ts": `import { suite } from "@trustix/storage/conformance";`,
    "bench/a.bench.ts": `import { pino } from "pino"; import { x } from "../packages/node/src/logs/layout.ts"; import "@trustix/node";`,
  };
  expect(messages(files)).toEqual([]);
});

describe("pure code", () => {
  const impure = [
    ["Date.now()", "Date"],
    ["Math.random()", "Math.random"],
    [`Math["random"]()`, "Math.random"],
    ["setTimeout(f, 1)", "setTimeout"],
    ["process.env.X", "process"],
    ["Buffer.alloc(1)", "Buffer"],
    ["crypto.subtle", "crypto"],
    ["console.log(1)", "console"],
    ["({ fetch })", "fetch"],
  ];
  test.each(impure)("may not use %s", (expression, name) => {
    const found = messages({ "packages/merkle/src/a.ts": `export const x = () => ${expression};` });
    expect(found).toEqual([
      `packages/merkle/src/a.ts:1: layer 0 is pure: @trustix/merkle must be handed what it takes from ${name}`,
    ]);
  });

  test("may not wait", () => {
    const found = messages({
      "packages/merkle/src/a.ts": "export const x = async () => 1;\nexport async function* y() {}",
    });
    expect(found).toEqual([
      "packages/merkle/src/a.ts:1: layer 0 is synchronous: @trustix/merkle must not wait",
      "packages/merkle/src/a.ts:2: layer 0 is synchronous: @trustix/merkle must not wait",
    ]);
  });

  test("may call what it was handed by those names, and its tests may do anything", () => {
    const files = {
      "packages/merkle/src/a.ts": `
        // Date.now() in a comment, "process" in a string
        export const hash = (crypto: { sha256(): string }, { process }: { process: number }) => crypto.sha256() + process;
        export class Clock { Date = 1; setTimeout() { return this.Date; } }
        export const names = { performance: "Math.random()" }.performance;
        export function each([fetch, ...console]: string[], Buffer = 1) { return [fetch, console, Buffer]; }`,
      "packages/merkle/test/a.test.ts": `import "node:fs"; await Promise.resolve(Date.now());`,
    };
    expect(messages(files)).toEqual([]);
  });

  test("above layer 0 nothing of this is asked", () => {
    expect(messages({ "packages/storage/src/a.ts": `import "node:fs"; await Promise.resolve(Date.now());` })).toEqual(
      [],
    );
  });
});

test("all packages have the version of the root", () => {
  expect(messages({}, { merkle: { version: "0.2.0" } })).toEqual([
    "packages/merkle/package.json:1: version 0.2.0 is not that of the root, 0.1.0",
  ]);
});

test("a package without a layer is refused", () => {
  expect(() => packageOf("packages/x", { name: "@trustix/x" })).toThrow(`packages/x/package.json needs "trustix"`);
});

test("every way to name a module is found, with its line", () => {
  const text = `import a from "a";\nimport type { B } from "b";\nexport { c } from "c";\nexport * from "d";\nimport "e";\nconst f = import("f");\ntype G = import("g").G;\n// import "no"\nconst no = 'import "no"';`;
  expect(reachOf("x.ts", text).imports.map(({ to, line }) => `${to}${line}`)).toEqual([
    "a1",
    "b2",
    "c3",
    "d4",
    "e5",
    "f6",
    "g7",
  ]);
});

test("the graph has an arrow for each import that really stands in the source, once", () => {
  const drawn = importGraph(
    repository({
      "packages/merkle/src/a.ts": `import { x } from "@trustix/crypto"; import { y } from "./b.ts";`,
      "packages/merkle/src/b.ts": `import { x } from "@trustix/crypto";`,
      "packages/merkle/test/a.test.ts": `import { x } from "@trustix/testkit";`,
    }),
  );
  expect(drawn.match(/-->/g)).toHaveLength(1);
  expect(drawn).toContain("  merkle --> crypto");
});

test("the table lists the packages from the lowest layer up, dev-only ones last", () => {
  const names = layerTable(repository({}))
    .split("\n")
    .slice(2)
    .map((row) => /`(\w+)`/.exec(row)?.[1]);
  expect(names).toEqual(["crypto", "merkle", "storage", "node", "testkit"]);
});
