/** A whole daemon that copies the logs it follows: what is asked of it then, nobody outside hears of. */
import { createServer, connect, type AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { toBase64, utf8 } from "@trustix/crypto";
import { encodeNixValue, logIdOf, NIX } from "@trustix/protocol";
import { expect, onTestFinished, test } from "vitest";
import { hashPartOf } from "../src/logs/hash-part.ts";
import { inFolder } from "./server/test-node.ts";
import { clientsOf, crypto, party, publisherToml, start, type Party } from "./test-daemon.ts";

const PATHS = ["a", "b", "c"].map((letter) => `/nix/store/${letter.repeat(32)}-tool`);
const NOWHERE = `/nix/store/${"d".repeat(32)}-nothing`;
const value = (path: string, of: string): Uint8Array =>
  encodeNixValue({ path, narHash: `sha256-${toBase64(crypto.sha256(utf8(of)))}`, narSize: 100, references: [] });

const idOf = ({ keys }: Party): string => logIdOf(crypto, { protocol: NIX, publicKey: keys.publicKey });

/** Everything on its way to one port, and how much that was. */
async function relayTo(target: number): Promise<{ port: number; bytes(): number }> {
  let bytes = 0;
  const relay = createServer((socket) => {
    const far = connect(target, "127.0.0.1");
    socket
      .on("data", (chunk) => (bytes += chunk.length))
      .pipe(far)
      .pipe(socket);
    for (const end of [socket, far]) end.on("error", () => [socket, far].forEach((each) => each.destroy()));
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void relay.close());
  return { port: (relay.address() as AddressInfo).port, bytes: () => bytes };
}

/** A builder with its claims of all paths, and a port at which it is asked. */
async function builder(root: string, name: string): Promise<{ party: Party; port: number; bytes(): number }> {
  const made = await party(root, name);
  const toml = publisherToml(made).replace('protocol = "test"', 'protocol = "nix"');
  const socket = `unix://${made.folder}/trustix.socket`;
  const { daemon } = await start(made.folder, toml, {}, [socket, "http://127.0.0.1:0"]);
  onTestFinished(() => daemon.close());
  const { log } = await clientsOf(made.folder);
  const Items = PATHS.map((path, i) => ({ Key: utf8(path), Value: value(path, i === 2 ? name : "the same") }));
  await log.submit({ LogID: idOf(made), Items });
  await log.flush({ LogID: idOf(made) });
  const url = daemon.urls.find((one) => one.startsWith("http:"))!;
  return { party: made, ...(await relayTo(Number(new URL(url).port))) };
}

test("with copies, decisions, explanations, look-ups by hash part and values make no request", () =>
  inFolder(async (folder) => {
    const builders = await Promise.all(["mercury", "venus", "mars"].map((name) => builder(folder, name)));
    const follower = await party(folder, "follower");
    const remotes = builders.map(({ port }) => `"http://127.0.0.1:${port}"`).join(", ");
    const subscribers = builders.map(
      ({ party: { keys } }) => `
[[subscribers]]
protocol = "nix"
syncmode = "full"
publicKey = { type = "ed25519", key = "${toBase64(keys.publicKey)}" }
`,
    );
    const decider = '[[decider.nix]]\nengine = "quorum"\nquorum = { threshold = 2 }\n';
    const { daemon } = await start(follower.folder, `remotes = [${remotes}]\n${subscribers.join("")}${decider}`);
    onTestFinished(() => daemon.close());
    const { rpc, node } = await clientsOf(follower.folder);
    for (;;) {
      const { Followed } = await node.status({});
      if (Followed.every(({ Mirror }) => Mirror?.Served !== undefined && Mirror.Valued === 3n)) break;
      await pause(50);
    }

    const before = builders.map(({ bytes }) => bytes());
    expect(before.every((bytes) => bytes > 0)).toBe(true);
    const [agreed, , disputed] = PATHS.map((path) => utf8(path));
    const { Decision } = await rpc.decide({ Key: agreed!, Protocol: "nix" });
    expect(Decision).toMatchObject({ Confidence: 100, Value: value(PATHS[0]!, "the same") });
    for (const Key of [disputed!, utf8(NOWHERE)]) {
      await expect(rpc.decide({ Key, Protocol: "nix" })).rejects.toThrow(/of 3 agree, 2 needed/);
      const explained = await node.explain({ Key, Protocol: "nix" });
      expect(explained.Decided).toBe(false);
    }
    const { Decisions } = await node.decideMany({ Protocol: "nix", Keys: [agreed!, disputed!, utf8(NOWHERE)] });
    expect(Decisions.map(({ Decided }) => Decided)).toEqual([true, false, false]);
    const { Paths } = await node.pathByHashPart({ HashPart: hashPartOf(agreed!)! });
    expect(Paths).toEqual([agreed]);
    const { Value } = await rpc.getValue({ Digest: crypto.sha256(value(PATHS[2]!, "venus")) });
    expect(Value).toEqual(value(PATHS[2]!, "venus"));
    await pause(200);
    expect(builders.map(({ bytes }) => bytes())).toEqual(before);
  }));
