/** Who may make which call where: the whole table. And what a call knows of its caller. */
import { create } from "@bufbuild/protobuf";
import { NodeAPI } from "@trustix/proto";
import { LOCAL_AUDIENCE, signCall, tokenHeader } from "@trustix/protocol";
import { openMemoryStore } from "@trustix/storage";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { type Grant, KnownTokens } from "../../src/access/known-tokens.ts";
import { openMadeCalls } from "../../src/access/made-calls.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import type { Role } from "../../src/model.ts";
import { authorize, type Credentials, type Permissions } from "../../src/server/authenticate.ts";
import { Gate } from "../../src/server/gate.ts";
import type { AnyRequest } from "../../src/server/read-body.ts";
import { readRoute, type Access, type CallContext, type Route } from "../../src/server/route.ts";
import { crypto } from "./reference-log.ts";
import { realClock, TOKEN } from "./test-node.ts";

const LOCAL: Permissions = { local: true, names: [], allowUnsignedReads: false, allowReplayableTokens: false };
const REMOTE: Permissions = { ...LOCAL, local: false };
const PLACES: Readonly<Record<string, Permissions>> = {
  "a local socket": LOCAL,
  "private TCP": REMOTE,
  "private TCP with allow-unsigned-reads": { ...REMOTE, allowUnsignedReads: true },
};

/** `.`: may; `?`: is asked who it is; `x`: is known, and may not. Nobody, a token not believed here, then the roles. */
const TABLE: readonly [Access, place: string, verdicts: string][] = [
  ["public", "a local socket", ". . . . ."],
  ["public", "private TCP", ". . . . ."],
  ["private", "a local socket", ". . . . ."],
  ["private", "private TCP", "? x . . x"],
  ["private", "private TCP with allow-unsigned-reads", ". . . . ."],
  ["writer", "a local socket", "? x . . x"],
  ["writer", "private TCP", "? x . . x"],
  ["writer", "private TCP with allow-unsigned-reads", "? x . . x"],
  ["peer", "a local socket", "? x x x ."],
  ["peer", "private TCP", "? x x x ."],
  ["peer", "private TCP with allow-unsigned-reads", "? x x x ."],
  ["owner", "a local socket", "? x . x x"],
];
const ROLES: readonly (readonly Role[])[] = [["owner", "writer"], ["writer"], ["peer"]];

describe("the table", () => {
  test.each(TABLE)("%s calls at %s: %s", (access, place, verdicts) => {
    const route = { access, path: "/a.B/C" } as Route;
    const callers = [undefined, { by: undefined, call: undefined }].concat(
      ROLES.map((roles) => ({ by: { ...TOKEN, roles: new Set(roles) }, call: undefined })) as never,
    );
    const seen = callers.map((shown) => {
      try {
        authorize(route, PLACES[place]!, shown);
        return ".";
      } catch (error) {
        return { unauthenticated: "?", permission_denied: "x" }[(error as { code: string }).code];
      }
    });
    expect(seen.join(" ")).toBe(verdicts);
  });
});

describe("what a call knows of its caller", () => {
  const path = "/trustix_api.v1.NodeAPI/Logs";
  const empty = new Uint8Array(0);
  async function callerSeen(access: "public" | "peer", role: Role, permissions: Permissions, shown: Credentials) {
    const grants: Grant[] = [{ token: TOKEN, role, from: "configuration" }];
    const parts = {
      crypto,
      clock: realClock,
      limits: DEFAULT_LIMITS,
      tokens: new KnownTokens("", grants, { added: [], revoked: [] }),
      signedCalls: await openMadeCalls({ store: openMemoryStore(), crypto, clock: realClock, limit: 10 }),
      published: new Map(),
      follower: { logs: () => [], value: async () => undefined },
    } as unknown as ConstructorParameters<typeof Gate>[0];
    const gate = new Gate(parts, pino({ level: "silent" }));
    let seen: CallContext["caller"];
    const route = readRoute(access, NodeAPI.method.logs, async (_request, call) => {
      seen = call.caller;
      return { Logs: [] };
    });
    const call = gate.enter(route, permissions, shown, undefined);
    if (call.signed !== undefined) await gate.admit(call.signed, call, empty);
    await gate.run(call, create(NodeAPI.method.logs.input));
    gate.leave(call, "ok");
    return seen?.name;
  }
  const request = { socket: { localAddress: "10.0.0.2", localPort: 80 } } as unknown as AnyRequest;
  const signed = (audience: string): Credentials => {
    const [time, nonce, bodyDigest] = [Date.now(), new Uint8Array(16), crypto.sha256(empty)];
    const header = signCall(crypto, TOKEN, { procedure: path, audience, time, nonce, bodyDigest });
    return { token: undefined, signed: { header, request } };
  };
  const old: Credentials = { token: tokenHeader(crypto, TOKEN, path), signed: undefined };
  const nobody: Credentials = { token: undefined, signed: undefined };

  test.each<[string, "public" | "peer", Role, Permissions, Credentials, string | undefined]>([
    ["nothing, if nobody says", "public", "writer", REMOTE, nobody, undefined],
    ["the holder of a token that signed it", "public", "writer", REMOTE, signed("10.0.0.2:80"), "default"],
    ["a peer that signed it", "peer", "peer", REMOTE, signed("10.0.0.2:80"), "default"],
    ["a peer with a token on the local socket", "peer", "peer", LOCAL, old, "default"],
    ["a peer that signed it on the local socket", "peer", "peer", LOCAL, signed(LOCAL_AUDIENCE), "default"],
    ["nothing of a token that can be replayed", "public", "writer", REMOTE, old, undefined],
    ["that one where it is allowed", "public", "writer", { ...REMOTE, allowReplayableTokens: true }, old, "default"],
  ])("%s", async (_what, access, role, permissions, shown, name) => {
    expect(await callerSeen(access, role, permissions, shown)).toBe(name);
  });
});
