import { defineConfig } from "vitest/config";

/**
 * Three projects. `unit` lies beside its package and runs with `npm run check`, so it has to be quick; `slow`
 * (`NAME.slow.test.ts` beside it: real processes, waiting, many sizes) and `e2e` (real Nix) run with `npm test` only.
 */
const SLOW = "packages/*/test/**/*.slow.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: [SLOW],
          pool: "threads",
          // A thread runs one file after the other and loads a module once: no module of ours keeps state. By default a
          // thread a core less one: the small ones would leave half of themselves unused.
          isolate: false,
          maxWorkers: "100%",
          testTimeout: 30_000,
        },
      },
      {
        test: { name: "slow", include: [SLOW], pool: "forks", testTimeout: 120_000, hookTimeout: 60_000 },
      },
      {
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
