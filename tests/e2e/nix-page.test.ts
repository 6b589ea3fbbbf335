/** The example of docs/operate/nix.md: every command of it, in its order, as root of two machines with a Nix each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { removeStores } from "@trustix/testkit/nix";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/check/execute.ts";
import { Network, type Machine } from "./machine.ts";
import { makeFolder, NIXES } from "./nixes.ts";

/** The shell snippets below a heading, up to the next one. */
function snippetsBelow(heading: string): string[] {
  const page = readFileSync(join(ROOT, "docs/operate/nix.md"), "utf8");
  const [, after = ""] = page.split(`\n### ${heading}\n`);
  const [section = ""] = after.split(/^#{1,3} /m);
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, snippet]) => snippet!);
}

/** What a person waits for between two commands. */
async function until(machine: Machine, command: string, wanted: RegExp): Promise<void> {
  for (let i = 0; ; i++) {
    const said = await machine.type(`${command} 2>&1 || true\n`);
    if (wanted.test(said)) return;
    if (i === 150) throw new Error(`${command} does not come to say ${wanted}; at last it said:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe.each(NIXES)("with $name", ({ nix }) => {
  test.skipIf(nix === undefined)("the page's example works as it stands", async () => {
    const folder = await makeFolder();
    try {
      await using network = await Network.make();
      const name = "builder.example.org";
      const builder = await network.machine(join(folder, "builder"), nix!, [name]);
      const user = await network.machine(join(folder, "user"), nix!, [name]);

      const [node, hook, cache, key, ...noMore] = snippetsBelow("On the builder");
      await builder.type(node!);
      await until(builder, "trustix status", /0 entries/);
      await builder.type(hook!);
      await until(builder, "trustix status", /: 1 entry/);
      await builder.type(cache!);
      const publicKey = /^[A-Za-z0-9+/]{43}=$/m.exec(await builder.type(key!))![0];
      const storePath = /^\/nix\/store\/\S+-demo-1\.0$/m.exec(await builder.type("readlink result\n"))![0];

      const [follow, proxy, install, ...neither] = snippetsBelow("On the machine that installs");
      await user.type(follow!.replace("PUBLIC-KEY", publicKey));
      await until(user, "trustix status", /followed builder .*: 1 entry/);
      await user.type(proxy!);
      await until(user, "busybox wget -q -O - http://127.0.0.1:8080/healthz", /"decider":\{"state":"answers"\}/);
      const said = await user.type(install!.replaceAll("STORE-PATH", storePath));
      expect(said).toMatch(/^Decided on output digest '[0-9a-f]{64}' with confidence 100$/m);
      expect(await user.type(`cat ${storePath}\n`)).toContain("made by whoever agrees\n");
      // What nobody claims is not there to be installed.
      await expect(user.type(`nix-store --realise ${storePath.replace("demo-1.0", "demo-1.1")}\n`)).rejects.toThrow(
        /don't know how to build/,
      );
      expect([...noMore, ...neither]).toEqual([]);
    } finally {
      await removeStores(folder);
    }
  });
});
