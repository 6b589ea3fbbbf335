/** What is said of files and folders that another user keeps closed. */
import { expect, test } from "vitest";
import { hintIfRefused, isRefusedByPermissions, permissionHint } from "../src/permission-hint.ts";
import type { Files } from "../src/node-files.ts";

/** Owners of what can be seen. */
function filesOf(owners: Readonly<Record<string, number>>, passwd: string | undefined): Files {
  return {
    readFile: async (path) => {
      if (path !== "/etc/passwd" || passwd === undefined) throw new Error("there is no such file");
      return Buffer.from(passwd);
    },
    mode: async () => undefined,
    owner: async (path) => owners[path],
  };
}

const PASSWD = "root:x:0:0::/root:/bin/sh\ntrustix:x:990:990::/var/lib/trustix:/bin/false\n";

test.each<[what: string, owners: Record<string, number>, passwd: string | undefined, wanted: string]>([
  [
    "a folder that its owner keeps closed",
    { "/s": 990, "/": 0 },
    PASSWD,
    "/s belongs to user trustix (990): run this as that user (`sudo -u trustix ...`), or give it to the user who runs this",
  ],
  [
    "the file itself",
    { "/s/store": 0, "/s": 990, "/": 0 },
    PASSWD,
    "/s/store belongs to user root (0): run this as that user (`sudo -u root ...`), or give it to the user who runs this",
  ],
  [
    "an owner without a name",
    { "/s/store": 77 },
    PASSWD,
    "/s/store belongs to user 77: run this as that user (`sudo -u '#77' ...`), or give it to the user who runs this",
  ],
  [
    "a system without a list of users",
    { "/s/store": 990 },
    undefined,
    "/s/store belongs to user 990: run this as that user (`sudo -u '#990' ...`), or give it to the user who runs this",
  ],
  ["what is one's own", { "/s/store": 1000 }, PASSWD, "/s/store is this user's own: `chmod u+rX /s/store` opens it"],
  ["nothing that can be seen", {}, PASSWD, "run this as the user whom it belongs to"],
])("of %s", async (_what, owners, passwd, wanted) => {
  expect(await permissionHint(filesOf(owners, passwd), "/s/store", 1000)).toBe(wanted);
});

test("the refusal is found behind what was made of it, and nothing is said of other errors", async () => {
  const refused = Object.assign(new Error("EACCES"), { code: "EACCES", path: "/s/store" });
  const files = filesOf({ "/s": 990 }, PASSWD);
  const behind = new Error("no store", { cause: new Error("no folder", { cause: refused }) });
  expect(await hintIfRefused(behind, files)).toContain("/s belongs to user trustix (990)");
  expect(await hintIfRefused(new Error("no store"), files)).toBeUndefined();
  expect(await hintIfRefused(Object.assign(refused, { code: "EIO" }), files)).toBeUndefined();
  expect(await hintIfRefused("no error", files)).toBeUndefined();
});

test.each([
  ["EACCES", true],
  ["EPERM", true],
  ["ENOENT", false],
  ["EIO", false],
])("%s is a matter of permissions: %s", (code, wanted) => {
  expect(isRefusedByPermissions(Object.assign(new Error(code), { code }))).toBe(wanted);
});
