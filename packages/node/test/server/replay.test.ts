/**
 * Every captured exchange of the existing program's client and server, sent byte for byte to ours over one state.
 * Successful answers must have the same decoded body; errors must be the documented better ones. What differs on purpose
 * stands in `DIFFERENT`, each with its reason; what is in neither way covered fails.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LogsResponseSchema, DecisionResponseSchema, SubmitResponseSchema } from "@trustix/proto";
import { loadCaptures, type Capture } from "@trustix/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { grpcWebFrames, http2FrameTypes, isWhole, parseAnswer, type RawAnswer } from "./raw-exchange.ts";
import { startDaemonOfCaptures } from "./captured-daemon.ts";
import { LOG_ID, rawSocket, readAll, startTestNode } from "./test-node.ts";

const captures = loadCaptures();

/** An error in place of theirs, or of their success. `message` is what a person reads. */
interface BetterError {
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
  readonly reason: string;
}

const notFound = (message: RegExp, reason: string): BetterError => ({
  status: 404,
  code: "not_found",
  message,
  reason,
});
const invalid = (message: RegExp, reason: string): BetterError => ({
  status: 400,
  code: "invalid_argument",
  message,
  reason,
});
const noCaller = (message: RegExp, reason: string): BetterError => ({
  status: 401,
  code: "unauthenticated",
  message,
  reason,
});
const failed = (message: RegExp, reason: string): BetterError => ({
  status: 400,
  code: "failed_precondition",
  message,
  reason,
});

const FITTING = "the fitting code instead of `unknown`, and a message that names the thing";
const PROVED = "absence comes with its proof as error detail";
const ROOT_GONE = "a root that is not held is told apart from an absent key, so that a subscriber refreshes its head";
const UNAUTHENTICATED = "a missing token is `unauthenticated`, as a bad one is";
const SAME_CODE = "same code; the message says which part of the header is wrong";
const OUT_OF_RANGE = "what is no range of this log is the caller's mistake, not a missing object";
const ANSWERED_NONSENSE =
  "they answer a proof that proves nothing; only equal sizes and first size 0 are empty without error";
const SAME_PARSE_ERROR = "same code; the message names the message and what is wrong with it";

const ERRORS: Record<string, BetterError> = {
  "LogAPI.GetHead unknown log": notFound(/^log 0{64} is not published by this node$/, FITTING),
  "LogRPC.GetHead unknown log": notFound(/^log 0{64} is neither published nor followed/, FITTING),
  "LogAPI.GetMapValue empty log": notFound(/key is absent/, PROVED),
  "RPCApi.Decide empty log": failed(/^0 of 1 agree/, "undecided is not a fault, and the votes come as error detail"),
  "LogRPC.Submit without token": noCaller(/a write needs a token/, UNAUTHENTICATED),
  "LogRPC.Flush without token": noCaller(/a write needs a token/, UNAUTHENTICATED),
  "LogRPC.Submit token header garbage": noCaller(/JSON in UTF-8 wanted/, SAME_CODE),
  'LogRPC.Submit token header {"name":"nosuch","sig":"AAAA"}': noCaller(/token "nosuch" is not known/, SAME_CODE),
  'LogRPC.Submit token header {"name":"default","sig":"!!"}': noCaller(/sig is not base64/, SAME_CODE),
  'LogRPC.Submit token header {"name":"default","sig":"AAAA"}': noCaller(/not signed for/, SAME_CODE),
  [`LogRPC.Submit token header {"name":"default","sig":"${"A".repeat(86)}=="}`]: noCaller(/not signed for/, SAME_CODE),
  "LogRPC.Submit token header {}": noCaller(/"name":"...","sig":"..."/, SAME_CODE),
  "LogRPC.Flush with the token of Submit (other procedure)": noCaller(
    /not signed for \/trustix_rpc.v1.LogRPC\/Flush/,
    SAME_CODE,
  ),
  "NodeAPI.Logs with an unknown token (read call)": noCaller(/token "nosuch" is not known/, SAME_CODE),
  "LogRPC.Flush forging X-TRUSTIX-AUTH: 1": noCaller(/a write needs a token/, UNAUTHENTICATED),
  "LogRPC.Submit unknown log": notFound(/^log 0{64} is not published/, FITTING),
  "LogRPC.Flush unknown log": notFound(/^log 0{64} is not published/, FITTING),
  "LogAPI.GetMapValue absent key": notFound(/key is absent/, PROVED),
  "LogAPI.GetMapValue unknown root": failed(/map root is not held/, ROOT_GONE),
  "LogAPI.GetMapValue empty root": invalid(/^MapRoot: 0 bytes came, 32 wanted$/, FITTING),
  "LogAPI.GetMapValue unknown log": notFound(/^log 0{64} is not published/, FITTING),
  "LogAPI.GetMapValue root = a value key (sha256(key)) of the shared store": failed(/is not held/, ROOT_GONE),
  "LogAPI.GetMapValue placeholder root": notFound(
    /key is absent/,
    "this is the root of the empty log's head, which is retained: absence under it has a proof, of no side nodes",
  ),
  "LogAPI.GetLogEntries past end": invalid(/the log has 5/, OUT_OF_RANGE),
  "LogAPI.GetLogEntries start beyond end": invalid(/the log has 5/, OUT_OF_RANGE),
  "LogAPI.GetLogEntries start = finish+2": invalid(/^Start 2 and Finish 0 came/, OUT_OF_RANGE),
  "LogRPC.GetLogEntries unknown log": notFound(/^log 0{64} is not published/, FITTING),
  "LogAPI.GetLogConsistencyProof backwards": invalid(/size 6 came, 0 to 5 wanted/, ANSWERED_NONSENSE),
  "LogAPI.GetLogConsistencyProof beyond size": invalid(/size 6 came, 0 to 5 wanted/, OUT_OF_RANGE),
  "LogAPI.GetLogAuditProof index = size": invalid(/leaf 5 is not in a tree of 5/, ANSWERED_NONSENSE),
  "LogAPI.GetLogAuditProof size 0 (server returns nil message)": invalid(
    /leaf 0 is not in a tree of 0/,
    ANSWERED_NONSENSE,
  ),
  "LogAPI.GetLogAuditProof beyond size": invalid(/size 6 came, 0 to 5 wanted/, OUT_OF_RANGE),
  "NodeAPI.GetValue missing": notFound(/no published log has a value/, FITTING),
  "NodeAPI.GetValue short digest": invalid(/^Digest: 1 bytes came, 32 wanted$/, FITTING),
  "NodeAPI.GetValue empty digest": invalid(/^Digest: 0 bytes came, 32 wanted$/, FITTING),
  "RPCApi.GetValue missing": notFound(/value with this digest/, FITTING),
  "RPCApi.Decide absent key": failed(/^0 of 1 agree/, "undecided is not a fault, and the votes come as error detail"),
  "RPCApi.Decide unknown protocol": notFound(/no deciders for protocol "bogus"/, FITTING),
  "RPCApi.Decide protocol without decider": notFound(/no deciders for protocol "nix"/, FITTING),
  "raw JSON lowerCamel name": invalid(/LogHeadRequest: required field LogID is missing/, SAME_PARSE_ERROR),
  "raw JSON garbage": invalid(/LogHeadRequest: json does not parse/, SAME_PARSE_ERROR),
  "raw proto garbage": invalid(/LogHeadRequest: proto does not parse/, SAME_PARSE_ERROR),
  "raw proto missing required field": invalid(/LogHeadRequest: required field LogID is missing/, SAME_PARSE_ERROR),
  "raw JSON missing required field": invalid(/LogHeadRequest: required field LogID is missing/, SAME_PARSE_ERROR),
  "raw wrong content type": {
    status: 415,
    code: "invalid_argument",
    message: /Content-Type "text\/plain" came/,
    reason: "same status; theirs has no body",
  },
  "raw no content type": {
    status: 415,
    code: "invalid_argument",
    message: /no Content-Type came/,
    reason: "same status; theirs has no body",
  },
  "raw bad Connect-Protocol-Version": invalid(/^Connect-Protocol-Version: "9" came, "1" wanted$/, SAME_PARSE_ERROR),
  "raw timeout header bad": invalid(/^Connect-Timeout-Ms: "abc" came/, SAME_PARSE_ERROR),
  "raw unknown method": {
    status: 404,
    code: "unimplemented",
    message: /nothing is served at "\/trustix_api.v1.LogAPI\/Nope"/,
    reason: "same status; JSON that RPC clients can show instead of plain text",
  },
  "raw unknown service": {
    status: 404,
    code: "unimplemented",
    message: /nothing is served at "\/nope"/,
    reason: "same status; JSON that RPC clients can show instead of plain text",
  },
  "raw bad content-encoding": {
    status: 501,
    code: "unimplemented",
    message: /^Content-Encoding: "br" came/,
    reason: "the status the Connect protocol now gives this code",
  },
  "raw GET": {
    status: 405,
    code: "unimplemented",
    message: /^GET came, POST wanted$/,
    reason: "same status; theirs has no body",
  },
  "raw GET /": {
    status: 404,
    code: "unimplemented",
    message: /nothing is served at "\/"/,
    reason: "same status; JSON instead of plain text",
  },
  "raw OPTIONS (CORS)": {
    status: 405,
    code: "unimplemented",
    message: /^OPTIONS came, POST wanted$/,
    reason: "same status; theirs has no body",
  },
  "raw h2c upgrade offer": {
    status: 404,
    code: "unimplemented",
    message: /nothing is served at "\/nope"/,
    reason: "the upgrade from HTTP/1.1 is gone from HTTP/2 (RFC 9113); clients of this protocol use prior knowledge",
  },
};

/** Successful answers that differ on purpose: what is expected instead. */
const DIFFERENT: Record<
  string,
  { readonly reason: string; readonly check: (ours: RawAnswer, theirs: Buffer) => void }
> = {
  "NodeAPI.Logs filter by protocol name 'test' (ids wanted: empty)": {
    reason: "the filter takes names too",
    check: ({ body }) => expect(fromBinary(LogsResponseSchema, body).Logs.map((log) => log.LogID)).toEqual([LOG_ID]),
  },
  "LogRPC.Submit same key, other value": {
    reason: "the refused key is named, in a field that existing clients ignore",
    check: ({ body }) => {
      const answer = fromBinary(SubmitResponseSchema, body);
      expect(answer.status).toBe(0);
      expect(answer.Refused.map((key) => Buffer.from(key).toString())).toEqual(["key-0"]);
    },
  },
  "RPCApi.Decide": {
    reason: "the votes come along, in a field that existing clients ignore",
    check: ({ body }, theirs) => {
      const answer = fromBinary(DecisionResponseSchema, body);
      expect(answer.Votes.map((vote) => [vote.LogID, vote.Outcome])).toEqual([[LOG_ID, 1]]);
      answer.Votes = [];
      expect(Buffer.from(toBinary(DecisionResponseSchema, answer)).toString("hex")).toBe(theirs.toString("hex"));
    },
  },
  "raw GET /metrics": {
    reason: "our figures, in the same text format",
    check: ({ body, headers }) => {
      expect(headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4; charset=utf-8/);
      expect(body.toString()).toContain('trustix_log_tree_size{log="one"} 5');
    },
  },
};

const META = { upstream: "https://cache.example.org" };

interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

/** The reference log behind the server; and the whole daemon, with its own trees, store, decider and configuration. */
const STATES: Record<string, () => Promise<Serving>> = {
  "the server over the reference log": () => startTestNode({ meta: META }),
  "the daemon": () => startDaemonOfCaptures(META),
};

let node: Serving;

async function exchange({ request }: Capture): Promise<Buffer> {
  const head = `${[request.line, ...request.headers].join("\r\n")}\r\n\r\n`;
  const socket = rawSocket(node.url);
  socket.write(Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(request.rawBodyHex ?? request.bodyHex, "hex")]));
  return readAll(socket, isWhole);
}

test("there are 96 captures, and every difference names one of them", () => {
  expect(captures.length).toBe(96);
  const names = new Set(captures.map(({ name }) => name));
  for (const name of [...Object.keys(ERRORS), ...Object.keys(DIFFERENT)]) expect(names).toContain(name);
});

// In order: the exchanges submit and flush, and later ones ask for what earlier ones wrote.
describe.each(Object.entries(STATES))("each captured request gets its answer from %s", (_name, start) => {
  beforeAll(async () => {
    node = await start();
  });
  afterAll(() => node.close());

  for (const capture of captures) {
    if (capture.name === "raw HTTP/2 prior knowledge preface") continue;
    test(`${capture.name}`, async () => {
      const ours = parseAnswer(await exchange(capture));
      const { response } = capture;
      const error = ERRORS[capture.name];
      if (error !== undefined) {
        const { code, message } = JSON.parse(ours.body.toString()) as { code: string; message: string };
        expect({ status: ours.status, code }).toEqual({ status: error.status, code: error.code });
        expect(message).toMatch(error.message);
        expect(ours.headers.get("content-encoding")).toBeUndefined();
        return;
      }
      expect(response.line).toBe("HTTP/1.1 200 OK");
      expect(ours.status).toBe(200);
      const theirs = Buffer.from(response.bodyDecodedHex ?? response.bodyHex ?? "", "hex");
      const different = DIFFERENT[capture.name];
      if (different !== undefined) return different.check(ours, theirs);
      const contentType = response.headers!.find((line) => line.startsWith("Content-Type: "))!.slice(14);
      expect(ours.headers.get("content-type")).toBe(contentType);
      if (contentType === "application/json") {
        expect(JSON.parse(ours.body.toString())).toEqual(JSON.parse(theirs.toString()));
      } else if (contentType.startsWith("application/grpc-web")) {
        const [got, wanted] = [grpcWebFrames(ours.body), grpcWebFrames(Buffer.from(response.bodyHex!, "hex"))];
        expect(got.messages).toEqual(wanted.messages);
        expect(got.trailers["grpc-status"]).toBe(wanted.trailers["grpc-status"]);
      } else expect(ours.body.toString("hex")).toBe(theirs.toString("hex"));
    });
  }

  test("an HTTP/2 preface is answered by the same kinds of frames: settings, and the acknowledgement of the client's", async () => {
    const capture = captures.find(({ name }) => name === "raw HTTP/2 prior knowledge preface")!;
    const SETTINGS = 4;
    const theirs = http2FrameTypes(Buffer.from(capture.response.rawHex!, "hex"));
    expect(theirs.filter((type) => type === SETTINGS).length).toBe(2);
    const socket = rawSocket(node.url);
    socket.write(
      Buffer.concat([Buffer.from(`${capture.request.line}\r\n\r\n`), Buffer.from(capture.request.bodyHex, "hex")]),
    );
    const ours = http2FrameTypes(
      await readAll(socket, (all) => http2FrameTypes(all).filter((type) => type === SETTINGS).length === 2),
    );
    expect(ours[0]).toBe(SETTINGS);
  });
});
