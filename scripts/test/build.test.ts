import { expect, test } from "vitest";
import { licencesOf } from "../build/licences.ts";
import { shrinkwrap } from "../build/shrinkwrap.ts";

const manifest = {
  name: "trustix",
  version: "1.2.3",
  dependencies: { store: "3.0.0" },
  optionalDependencies: { "node-x": "24.0.0" },
};
const lock = {
  "": {},
  "node_modules/store": { version: "3.0.0", integrity: "sha512-a", dependencies: { level: "^1", "left-pad": "^2" } },
  "node_modules/store/node_modules/level": {
    version: "1.5.0",
    dev: true,
    dependencies: { "left-pad": "^1", store: "*" },
  },
  "node_modules/store/node_modules/level/node_modules/left-pad": { version: "1.0.0" },
  "node_modules/left-pad": { version: "2.0.0" },
  "node_modules/level": { version: "9.0.0" },
  "node_modules/node-x": { version: "24.0.0", optional: true, os: ["linux"] },
  "node_modules/vitest": { version: "5.0.0", dev: true },
};

test("the installed package is locked to what it needs and what that needs, as Node would find it", () => {
  const { packages } = shrinkwrap(manifest, lock) as {
    packages: Readonly<Record<string, { version: string; dev?: boolean }>>;
  };
  expect(Object.entries(packages).map(([path, { version }]) => `${path} ${version}`)).toEqual([
    " 1.2.3",
    "node_modules/left-pad 2.0.0",
    "node_modules/node-x 24.0.0",
    "node_modules/store 3.0.0",
    "node_modules/store/node_modules/level 1.5.0",
    "node_modules/store/node_modules/level/node_modules/left-pad 1.0.0",
  ]);
  expect(Object.values(packages).some(({ dev }) => dev === true)).toBe(false);
});

test("a dependency that is not locked is named", () => {
  const { "node_modules/left-pad": _, ...less } = lock;
  expect(() => shrinkwrap(manifest, less)).toThrow(
    "left-pad, needed by node_modules/store, is not in package-lock.json",
  );
});

test("the licence of a bundled package goes along once, with its name and version", () => {
  const text = licencesOf([
    `${import.meta.dirname}/../../node_modules/zod/v4/index.js`,
    `\0${import.meta.dirname}/../../node_modules/zod/index.js`,
    "/own/packages/cli/src/trustix.ts",
  ]);
  expect(text.match(/^====/gm)).toHaveLength(1);
  expect(text).toMatch(/^==== zod \d+\.\d+\.\d+ \(MIT\) ====\n\nMIT License/);
});
