/**
 * A node as a command sees it: Connect calls on a unix socket, answered from a small log in memory with real heads and
 * proofs. Not our server: what the commands make of answers is tested here, also of answers no good node gives.
 */
import { createServer, type Server } from "node:http";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { describeEvidence, writeEvidence } from "@trustix/client";
import { fromHex, toBase64, toHex, utf8 } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import {
  ImportEvidenceResponse_Outcomes,
  LogAPI,
  BuilderOverride_Kinds,
  BuilderStatus_Causes,
  BuilderStatus_Standings,
  ListedToken_Origin,
  ListedToken_Role,
  LogRPC,
  NodeAPI,
  NodeExt,
  RefusedClaim_Places,
  RemoteStatus_States,
  RPCApi,
  SimulatedPath_Changes,
  SimulatedVoter_Knowledge,
  UndecidedSchema,
  VoterAnswer_Shown,
} from "@trustix/proto";
import {
  encodeNixValue,
  findProtocol,
  formatPublicToken,
  headToWire,
  keyPairOfSeed,
  logIdOf,
  logToWire,
  mapEntryBytes,
  mapPath,
  mapValueHash,
  NIX,
  signHead,
  TEST,
  valueDigestOf,
  verifyTokenHeader,
  voteToWire,
  type LogId,
  type Vote,
} from "@trustix/protocol";
import { evidenceExamples } from "@trustix/testkit";

import { receiptExample } from "@trustix/testkit";

const crypto = nodeCrypto();
const keys = keyPairOfSeed(crypto, new Uint8Array(32).fill(5));
export const FAKE_LOG = { id: logIdOf(crypto, { protocol: TEST, publicKey: keys.publicKey }), keys };

/** The one claim of the log, and the digest of its value. */
export const CLAIM = { key: utf8("key"), value: utf8("value") };
export const DIGEST = valueDigestOf(crypto, CLAIM.value);

/** An error as the Connect protocol has it. */
class Refusal extends Error {
  readonly code: string;
  readonly detail: { schema: DescMessage; message: unknown } | undefined;
  constructor(code: string, message: string, detail?: { schema: DescMessage; message: unknown }) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export type Handler = (body: Uint8Array, token: string | undefined) => Uint8Array;
const handlers = new Map<string, Handler>();

function on<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (input: MessageShape<I>, token: string | undefined, procedure: string) => MessageInitShape<O>,
): void {
  const procedure = `/${method.parent.typeName}/${method.name}`;
  handlers.set(procedure, (body, token) =>
    toBinary(method.output, create(method.output, answer(fromBinary(method.input, body), token, procedure))),
  );
}

const entry = mapEntryBytes(DIGEST, 0);
/** A map of one leaf: its root is that leaf's hash, and a proof has no side nodes. */
const mapRoot = crypto.sha256(Buffer.concat([Buffer.of(0), mapPath(crypto, CLAIM.key), mapValueHash(crypto, entry)]));
const logRoot = crypto.sha256(Buffer.concat([Buffer.of(0), CLAIM.key, utf8(":"), DIGEST]));
const mhRoot = crypto.sha256(Buffer.concat([Buffer.of(0), mapRoot]));
const head = signHead(crypto, keys.seed, { logRoot, treeSize: 1, mapRoot, mhRoot, mhTreeSize: 1 });
const logMessage = logToWire({ id: FAKE_LOG.id, protocol: TEST, publicKey: keys.publicKey, meta: {} });
const OTHER_LOG = "ab".repeat(32) as LogId;
const NOW = 1_800_000_000_000n;

on(NodeAPI.method.logs, () => ({ Logs: [logMessage] }));
on(RPCApi.method.logs, () => ({
  Logs: [logMessage, { ...logMessage, LogID: OTHER_LOG, Meta: { upstream: "https://cache.example.org" } }],
}));
on(LogAPI.method.getHead, () => headToWire(head));
on(LogAPI.method.getMapValue, ({ Key }) => {
  const known = Buffer.from(Key).equals(CLAIM.key);
  const leaf = Buffer.concat([Buffer.of(0), mapPath(crypto, CLAIM.key), mapValueHash(crypto, entry)]);
  const proof = { SideNodes: [], BitMask: new Uint8Array(), NumSideNodes: 0n };
  if (known) return { Value: entry, Proof: proof };
  if (Buffer.from(Key).toString() === "forged") return { Value: entry, Proof: proof };
  const message = { Value: new Uint8Array(), Proof: { ...proof, NonMembershipLeafData: leaf } };
  throw new Refusal("not_found", "no such key", { schema: LogAPI.method.getMapValue.output, message });
});
on(RPCApi.method.getValue, ({ Digest }) => {
  const name = toHex(Digest);
  if (name === toHex(DIGEST)) return { Value: CLAIM.value };
  if (name === "00".repeat(32)) return { Value: utf8("something else") };
  throw new Refusal("not_found", `no value ${name}`);
});
on(LogRPC.method.submit, ({ Items }, token, procedure) => {
  mayWrite(token, procedure);
  const refused = Items.filter(
    (item) => Buffer.from(item.Key).equals(CLAIM.key) && !Buffer.from(item.Value).equals(CLAIM.value),
  );
  return { status: 0, Refused: refused.map((item) => item.Key) };
});
on(LogRPC.method.flush, (_, token, procedure) => {
  mayWrite(token, procedure);
  return {};
});
const REASONS: Partial<Record<Vote["outcome"], string>> = {
  unreachable: "connection refused",
  unverifiable: "the proof shows another root",
};
const vote = (logId: string, outcome: Vote["outcome"], digest?: Uint8Array): Vote => ({
  logId: logId as LogId,
  outcome,
  digest,
  reason: REASONS[outcome] ?? "",
});
on(RPCApi.method.decide, ({ Key }) => {
  const Decision = { LogIDs: [FAKE_LOG.id], Digest: DIGEST, Confidence: 33, Value: CLAIM.value };
  // As the existing program answers, which says of no vote why it is missing.
  if (Buffer.from(Key).equals(utf8("of old"))) return { Decision, Misses: ["22".repeat(32)] };
  const claim = vote(FAKE_LOG.id, "claims", DIGEST);
  if (!Buffer.from(Key).equals(CLAIM.key)) {
    const others = [vote("11".repeat(32), "absent"), vote("22".repeat(32), "unverifiable")];
    const Reason = "1 of 3 agree, 2 needed; 22222222 is unverifiable (the proof shows another root)";
    const message = { Votes: [claim, ...others].map(voteToWire), Reason };
    throw new Refusal("failed_precondition", "undecided", { schema: UndecidedSchema, message });
  }
  const votes = [
    claim,
    vote("11".repeat(32), "claims", new Uint8Array(32).fill(0xbb)),
    vote("22".repeat(32), "unreachable"),
  ].map(voteToWire);
  return {
    Decision,
    Mismatches: [{ LogID: "11".repeat(32), Digest: new Uint8Array(32).fill(0xbb) }],
    Misses: ["22".repeat(32)],
    Votes: votes,
  };
});
/** The receipt that the node hands out: a real one, of another decision. */
export const RECEIPT = receiptExample();
on(NodeExt.method.explain, ({ Key, WithReceipt }) => {
  const claim = {
    Vote: voteToWire(vote(FAKE_LOG.id, "claims", DIGEST)),
    Name: "mine",
    Value: CLAIM.value,
    Since: NOW,
    ShownBy: VoterAnswer_Shown.BY_LOG,
    TreeSize: 1n,
    Index: 0n,
  };
  const excluded = {
    Vote: voteToWire({ ...vote("11".repeat(32), "excluded"), reason: "it stood alone on 40 packages" }),
    Name: "saturn",
    Operator: "rings",
    Uncounted: new Uint8Array(32).fill(0xbb),
  };
  const away = { Vote: voteToWire(vote("22".repeat(32), "unreachable")), Name: "pluto" };
  const decided = Buffer.from(Key).equals(CLAIM.key);
  return {
    Decided: decided,
    ...(decided && { Digest: DIGEST, Value: CLAIM.value, Confidence: 33 }),
    Reason: decided ? "1 of 3 agree, 1 needed" : "1 of 3 agree, 2 needed",
    Answers: [claim, excluded, away],
    Time: NOW,
    ...(WithReceipt && { Receipt: RECEIPT.file }),
  };
});
/** Two pages of one claim each. */
on(NodeExt.method.refused, ({ After }) => {
  const claim = { Key: CLAIM.key, Standing: DIGEST, Time: NOW };
  return After.length === 0
    ? {
        Claims: [{ ...claim, Value: utf8("\u001b[31mother"), FoundAt: RefusedClaim_Places.SUBMIT }],
        Next: new Uint8Array(64).fill(1),
      }
    : { Claims: [{ ...claim, Value: utf8("third"), FoundAt: RefusedClaim_Places.FLUSH }] };
});
/** What a test may change. */
export const fakeState = { generation: "start 0" };

on(NodeExt.method.status, () => ({
  Generation: fakeState.generation,
  Version: "9.9.9",
  Now: NOW,
  Published: [
    { Log: logMessage, Name: "mine", Head: headToWire(head), Waiting: 3n, Refused: 1n, LastFlush: NOW - 4000n },
  ],
  Followed: [
    {
      Log: { ...logMessage, LogID: OTHER_LOG },
      Name: "saturn",
      Head: headToWire(head),
      HeadSeenAt: NOW - 600_000n,
      Mirror: { Entries: 1n, Target: 1n, Served: headToWire(head), Valued: 1n, Missing: 1n },
      Remotes: [
        { URL: "http://a:1", State: RemoteStatus_States.REACHABLE, Since: NOW - 7_200_000n },
        {
          URL: "http://b:1",
          State: RemoteStatus_States.UNREACHABLE,
          Since: NOW - 200_000_000n,
          Why: "connection \u001b[31mrefused",
        },
      ],
    },
    {
      Log: logMessage,
      Name: "pluto",
      Remotes: [
        { URL: "http://c:1", State: RemoteStatus_States.UNKNOWN },
        { URL: "http://d:1", State: RemoteStatus_States.REFUSED, Since: NOW, Why: "it answers not_found: no such log" },
      ],
      Mirror: { Entries: 0n },
    },
    {
      Log: { ...logMessage, LogID: "9e".repeat(32) },
      Name: "neptune",
      Head: { ...headToWire(head), TreeSize: 8000n },
      HeadSeenAt: NOW - 60_000n,
      Remotes: [{ URL: "http://c:1", State: RemoteStatus_States.REACHABLE, Since: NOW - 60_000n }],
      Mirror: {
        Entries: 4200n,
        Target: 8000n,
        Served: { ...headToWire(head), TreeSize: 4000n },
        BehindSince: NOW - 120_000n,
        Why: "http://c:1: no answer \u001b[31mwithin 20000 ms",
      },
    },
    {
      Log: { ...logMessage, LogID: "cd".repeat(32) },
      Name: "charon",
      Remotes: ["http://c:1", "http://d:1"].map((URL) => ({
        URL,
        State: RemoteStatus_States.REFUSED,
        Since: NOW,
        Why: "it answers not_found: no such log",
      })),
    },
  ],
}));

/** Voters as a node shows them, and what was said of them. */
const SATURN = "5a".repeat(32);
const overrides = [
  { LogID: "0d".repeat(32), Kind: BuilderOverride_Kinds.EXCLUDE, Reason: "left", At: NOW - 9_000_000n },
];
const builders = [
  {
    LogID: "11".repeat(32),
    Name: "mercury",
    Operator: "acme",
    Protocol: NIX.id,
    Standing: BuilderStatus_Standings.GOOD,
    Reasons: ["agreed on 19 918 of 20 000 compared paths, alone on 82"],
    Figures: {
      Claims: 24_000n,
      Single: 1000n,
      FewAgreed: 900n,
      Agreed: 19_918n,
      Alone: 82n,
      Split: 1000n,
      Scattered: 1100n,
    },
    Examples: [{ Key: "/nix/store/x-fine", At: NOW }],
  },
  {
    LogID: SATURN,
    Name: "saturn",
    Protocol: NIX.id,
    Standing: BuilderStatus_Standings.EXCLUDED,
    Cause: BuilderStatus_Causes.DISSENT,
    Since: 1_700_000_000_000n,
    Reasons: [
      "alone on 36 packages in 2 740 compared paths (1.3 %, 0.61 % allowed): by chance less than once in 1 000 000",
      "agreed on 2 704 of 2 740 compared paths, alone on 36",
    ],
    Figures: { Claims: 2740n, Agreed: 2704n, Alone: 36n, SecondAnswers: 1n },
    Examples: [
      { Key: "/nix/store/x-openssl-3.4", At: NOW - 1000n },
      { Key: "/nix/store/y-\u001b[31mcurl", At: NOW - 2000n, SecondAnswer: true },
    ],
  },
  {
    LogID: "22".repeat(32),
    Name: "saturn",
    Protocol: TEST.id,
    Standing: BuilderStatus_Standings.GOOD,
    Reasons: ["never compared: too few others claim something for its 3 paths"],
    Figures: { Claims: 3n, Single: 3n },
    Others: 1,
    OthersExcluded: 1,
    Needed: 2,
  },
];
on(NodeExt.method.builders, () => ({ Builders: builders, Overrides: overrides }));
on(NodeExt.method.overrideBuilder, ({ LogID, Kind, Reason }, token, procedure) => {
  mayWrite(token, procedure);
  const builder = builders.find((one) => one.LogID === LogID);
  if (builder === undefined) throw new Refusal("not_found", `voter ${LogID} is not configured`);
  overrides.push({ LogID, Kind, Reason, At: NOW });
  const isPardon = Kind === BuilderOverride_Kinds.PARDON;
  return {
    ...builder,
    Standing: isPardon ? BuilderStatus_Standings.GOOD : BuilderStatus_Standings.EXCLUDED,
    Reasons: [isPardon ? `pardoned: ${Reason}` : `excluded by the user: ${Reason}`],
  };
});

/** The token whose holder may write: made from a fixed seed, so that a file can be written for it. */
export const FAKE_TOKEN = { name: "tester", ...keyPairOfSeed(crypto, new Uint8Array(32).fill(6)) };

/** What `trustix token` is shown and does, also to a node that answers nonsense. */
const tokens = new Map([
  [
    FAKE_TOKEN.name,
    {
      Token: formatPublicToken(FAKE_TOKEN),
      Roles: [ListedToken_Role.OWNER, ListedToken_Role.WRITER],
      From: ListedToken_Origin.OWN,
    },
  ],
]);
on(NodeExt.method.tokens, (_, token, procedure) => {
  mayWrite(token, procedure);
  return { Tokens: [...tokens.values()] };
});
on(NodeExt.method.addToken, ({ Token }, token, procedure) => {
  mayWrite(token, procedure);
  tokens.set(Token.split(":")[0]!, { Token, Roles: [ListedToken_Role.WRITER], From: ListedToken_Origin.ADDED });
  return {};
});
on(NodeExt.method.revokeToken, ({ Name }, token, procedure) => {
  mayWrite(token, procedure);
  if (!tokens.delete(Name)) throw new Refusal("not_found", `token ${JSON.stringify(Name)} is not known to this node`);
  return {};
});

/** Two pages of one proof each, and one that the node only says it keeps. */
export const PROOFS = evidenceExamples(crypto, "saturn")
  .filter(({ evidence }) => evidence.kind === "same_size" || evidence.kind === "cache_key_signed_two")
  .map(({ evidence }) => ({ evidence, file: writeEvidence(evidence), id: crypto.sha256(writeEvidence(evidence)) }));
const imported = new Set<string>();
on(NodeExt.method.evidence, ({ After }) => {
  const at = After.length === 0 ? 0 : 1;
  const { evidence, file, id } = PROOFS[at]!;
  const item = {
    ID: id,
    Kind: evidence.kind,
    PublicKey: evidence.publicKey,
    Names: at === 0 ? ["saturn"] : [],
    Summary: describeEvidence(evidence),
    Time: NOW,
    Imported: at === 1,
    Size: BigInt(file.length),
  };
  return { Items: [item], ...(at === 0 && { Next: Uint8Array.of(1) }) };
});
on(NodeExt.method.getEvidence, ({ ID }) => {
  const id = toHex(ID);
  if (id === "00".repeat(32)) {
    const { evidence } = PROOFS[0]!;
    return { File: writeEvidence({ ...evidence, publicKey: keys.publicKey }) };
  }
  const found = PROOFS.find((proof) => toHex(proof.id) === id);
  if (found === undefined) throw new Refusal("not_found", `no evidence with id ${id} is kept here`);
  return { File: found.file };
});
on(NodeExt.method.importEvidence, ({ File }) => {
  const ID = crypto.sha256(File);
  if (File.includes(0x5c)) throw new Refusal("not_found", "nobody is configured here with the accused key");
  const Outcome = imported.has(toHex(ID))
    ? ImportEvidenceResponse_Outcomes.KNOWN
    : ImportEvidenceResponse_Outcomes.KEPT;
  imported.add(toHex(ID));
  return { ID, Outcome };
});

/**
 * Of mars, venus and saturn two must agree. It decides two keys in a call, by what the names of their paths say. All claim
 * the NAR of the fake Nix, or another one.
 */
const AUDIT_VOTERS = ["mars", "venus", "saturn"].map((Name, i) => ({ LogID: `${i + 1}0`.repeat(32), Name }));
/** The voters of `Decide`. */
const DECIDERS = [
  { LogID: FAKE_LOG.id, Name: "mine" },
  { LogID: "11".repeat(32), Name: "saturn" },
  { LogID: "22".repeat(32), Name: "pluto" },
];
on(NodeExt.method.decideMany, ({ Keys, Protocol }) => {
  if (Protocol === "test") return { Voters: DECIDERS };
  const values = new Map<string, Uint8Array>();
  const claim = (path: string, narHash: string): Uint8Array => {
    const value = encodeNixValue({ path, narHash, narSize: 120, references: [] });
    const digest = crypto.sha256(value);
    values.set(toHex(digest), value);
    return digest;
  };
  const Decisions = Keys.slice(0, 2).map((key) => {
    const path = Buffer.from(key).toString();
    const good = claim(path, "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    const bad = claim(path, `sha256-${"E".repeat(43)}=`);
    const says: Record<string, (Uint8Array | undefined)[]> = {
      backdoored: [bad, bad, good],
      disputed: [good, bad, undefined],
      unknown: [undefined, undefined, undefined],
      own: [undefined, bad, undefined],
      alone: [undefined, undefined, good],
    };
    const digests = says[path.slice(44)] ?? [good, good, bad];
    const votes = digests.map((digest, i) =>
      vote(AUDIT_VOTERS[i]!.LogID, digest === undefined ? "absent" : "claims", digest),
    );
    const decided = digests.find((digest, i) => digest !== undefined && digests.indexOf(digest) < i);
    return {
      Decided: decided !== undefined,
      ...(decided !== undefined && { Digest: decided, Confidence: 66 }),
      Reason: decided === undefined ? "1 of 3 agree, 2 needed" : "2 of 3 agree, 2 needed; \u001b[31msaturn claims else",
      Votes: votes.map(voteToWire),
    };
  });
  return {
    Decisions,
    Voters: AUDIT_VOTERS,
    Values: [...values].map(([digest, Value]) => ({ Digest: fromHex(digest), Value })),
  };
});

/** Two pages, the second only after the first; a policy that is tried decides one path more, one less, and one otherwise. */
on(NodeExt.method.simulate, ({ Policy, After, Each, Protocol }) => {
  if (findProtocol(Protocol) !== NIX) throw new Refusal("not_found", `no policy for protocol ${Protocol}`);
  const isTried = Policy !== "";
  const verdict = (Reason: string, digest?: number) => ({
    Decided: digest !== undefined,
    ...(digest !== undefined && { Digest: new Uint8Array(32).fill(digest), Confidence: 75 }),
    Reason,
  });
  const path = (name: string, Change: SimulatedPath_Changes, Now: object, Tried: object) => ({
    Key: utf8(`/nix/store/${"0".repeat(31)}1-${name}`),
    Path: new Uint8Array(32).fill(name.length),
    Change,
    Now,
    Tried: isTried ? Tried : Now,
  });
  const [all, few] = [verdict("3 of 4 agree, 3 needed", 0xaa), verdict("2 of 4 agree, 3 needed; mars has no claim")];
  const { SAME, STILL_UNDECIDED, NEWLY_DECIDED, NO_LONGER_DECIDED, OTHER_VALUE } = SimulatedPath_Changes;
  const changed = (change: SimulatedPath_Changes): SimulatedPath_Changes =>
    isTried ? change : change === NEWLY_DECIDED ? STILL_UNDECIDED : SAME;
  const same = { Pattern: "aaaa", Count: 12_345n, Example: path("same", SAME, all, all) };
  const voter = (name: string) => ({
    LogID: FAKE_LOG.id.replace(/^../, name.length.toString(16).padStart(2, "0")),
    Name: name,
  });
  if (After.length === 0) {
    const paths = [path("same", SAME, all, all)];
    return {
      Voters: [{ Voter: voter("mars"), Known: SimulatedVoter_Knowledge.ALL, Claims: 12_000n }],
      Count: 12_345n,
      Groups: [same],
      Paths: Each ? paths : [],
      Next: Uint8Array.of(1),
      Done: 0.9,
    };
  }
  const paths = [
    path("gained", changed(NEWLY_DECIDED), few, verdict("2 of 4 agree, 2 needed; mars has no claim", 0xaa)),
    path("lost", changed(NO_LONGER_DECIDED), all, verdict("3 of 4 agree, 4 needed; saturn claims bbbbbbbb")),
    path("other", changed(OTHER_VALUE), all, verdict("saturn decides; mars claims aaaaaaaa", 0xbb)),
    path("\u001b[31mred", STILL_UNDECIDED, few, few),
  ];
  return {
    Voters: [
      { Voter: voter("mars"), Known: SimulatedVoter_Knowledge.ALL, Claims: 3n },
      {
        Voter: voter("stranger"),
        Known: SimulatedVoter_Knowledge.NOTHING,
        Why: "this node does not know it",
      },
    ],
    Count: BigInt(paths.length),
    Groups: paths.map((Example, i) => ({ Pattern: `p${i}`, Count: 1n, Example })),
    Paths: Each ? paths : [],
    Done: 1,
    Uncompared: 2n,
  };
});

function mayWrite(header: string | undefined, procedure: string): void {
  if (header === undefined) throw new Refusal("unauthenticated", `${procedure} needs a token`);
  try {
    verifyTokenHeader(crypto, new Map([[FAKE_TOKEN.name, FAKE_TOKEN]]), header, procedure);
  } catch (error) {
    throw new Refusal("unauthenticated", (error as Error).message);
  }
}

/** Answers on `socket` until it is closed; `others` answer in the place of its own handlers. */
export async function startFakeNode(socket: string, others: ReadonlyMap<string, Handler> = new Map()): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const handler = others.get(request.url ?? "") ?? handlers.get(request.url ?? "");
      const token = request.headers["trustix-token"] as string | undefined;
      try {
        if (handler === undefined) throw new Refusal("unimplemented", `no ${request.url}`);
        const body = handler(Buffer.concat(chunks), token);
        response.writeHead(200, { "content-type": "application/proto" }).end(body);
      } catch (error) {
        const { code = "internal", detail } = error as Partial<Refusal>;
        const details =
          detail === undefined
            ? []
            : [
                {
                  type: detail.schema.typeName,
                  value: toBase64(
                    toBinary(detail.schema, create(detail.schema, detail.message as Record<string, unknown>)),
                  ),
                },
              ];
        const body = JSON.stringify({ code, message: (error as Error).message, details });
        response.writeHead(code === "not_found" ? 404 : 400, { "content-type": "application/json" }).end(body);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}
