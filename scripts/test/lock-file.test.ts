import { expect, test } from "vitest";
import { completed, platformOf } from "../generate/lock-file.ts";

test("every platform build that a package names is locked, where Node would find it", () => {
  const tool = {
    version: "2.0.0",
    dev: true,
    optionalDependencies: { "tool-linux-x64": "2.0.0", "tool-darwin-arm64": "2.0.0" },
  };
  const older = { version: "1.0.0", dev: true, optionalDependencies: { "tool-darwin-arm64": "1.0.0" } };
  const packages = {
    "": {},
    "node_modules/other": { version: "1.0.0" },
    "node_modules/other/node_modules/tool": older,
    "node_modules/tool": tool,
    "node_modules/tool-linux-x64": { version: "2.0.0", integrity: "sha512-a" },
  };
  const all = completed(packages);
  const entry = { dev: true, optional: true, cpu: ["arm64"], os: ["darwin"] };
  expect(all).toEqual({
    ...packages,
    "node_modules/tool-darwin-arm64": { version: "2.0.0", ...entry },
    "node_modules/other/node_modules/tool-darwin-arm64": { version: "1.0.0", ...entry },
  });
  expect(completed(all)).toBe(all);
});

test.each([
  ["@oxlint/binding-linux-arm64-musl", { cpu: ["arm64"], libc: ["musl"], os: ["linux"] }],
  ["@oxfmt/binding-linux-arm-gnueabihf", { cpu: ["arm"], libc: ["glibc"], os: ["linux"] }],
  ["@bufbuild/buf-linux-armv7", { cpu: ["arm"], os: ["linux"] }],
  ["@oxfmt/binding-win32-ia32-msvc", { cpu: ["ia32"], os: ["win32"] }],
  ["@oxfmt/binding-android-arm-eabi", { cpu: ["arm"], os: ["android"] }],
  ["@rolldown/binding-wasm32-wasi", { cpu: ["wasm32"] }],
])("the platform of %s is read from its name", (name, expected) => {
  expect(platformOf(name)).toEqual(expected);
});

test.each(["fsevents", "tool-linux", "tool-x64"])("%s tells no platform: it must not be wanted everywhere", (name) => {
  expect(() => platformOf(name)).toThrow(`which platform is ${name} for?`);
});
