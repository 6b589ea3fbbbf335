/** Errors in place of answers, and answers to something else than the question. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { utf8 } from "@trustix/crypto";
import { type RpcCode, RpcError } from "@trustix/client";
import { LogAPI, LogHeadRequestSchema } from "@trustix/proto";
import { FakeLog } from "../fake-log.ts";
import { FakeNode } from "../fake-node.ts";
import { type Answer, type Attack, BACKDOOR, GOOD } from "./attack.ts";
import { instead } from "./change.ts";

/** Every call ends so. */
function always(code: RpcCode, message: string): Answer {
  return () => {
    throw new RpcError(code, message, { origin: "server" });
  };
}

/** What a terminal obeys, a reader misreads and a log file breaks at. */
export const NASTY_TEXT = "\u001b]0;owned\u0007\u001b[2J\u001b[31mok\r\n\u0000\u009b1m\u202Etrusted\u2028 \u{e0041}";

export const ERROR_LIES = {
  rootNeverHeld: {
    does: "says failed_precondition to every question about its map",
    answer: instead([LogAPI.method.getMapValue], always("failed_precondition", "this map root is not held")),
  },
  saysAbsent: {
    does: "says absent in the words of the existing program, which prove nothing",
    answer: instead([LogAPI.method.getMapValue], always("unknown", "Map value not found")),
  },
  unknownErrors: { does: "answers unknown to everything", answer: always("unknown", "database is locked") },
  refusals: { does: "answers permission_denied to everything", answer: always("permission_denied", "not for you") },
  busy: { does: "answers unavailable to everything", answer: always("unavailable", "too many calls") },
  tooLarge: { does: "answers resource_exhausted to everything", answer: always("resource_exhausted", "ask for less") },
  notFound: { does: "answers not_found to everything", answer: always("not_found", "no such thing") },
  canceled: { does: "says that the caller gave up", answer: always("canceled", "you canceled this") },
  nastyMessage: {
    does: "answers with an error whose message is made for terminals",
    answer: always("internal", NASTY_TEXT.repeat(100)),
  },
  hugeMessage: {
    does: "answers with an error whose message is a megabyte",
    answer: always("internal", "no ".repeat(350_000)),
  },
  manyDetails: {
    does: "answers with an error that has thousands of details",
    answer: () => {
      const details = Array.from({ length: 5_000 }, () => ({ type: "x.Y", value: new Uint8Array(3) }));
      throw new RpcError("not_found", "see the details", { origin: "server", details });
    },
  },
  anotherLog: {
    does: "answers for a log of its own, whichever it is asked about",
    answer: ({ method, request, crypto, honest }) => {
      if (!method.parent.typeName.endsWith(".LogAPI")) return honest();
      const { LogID } = fromBinary(LogHeadRequestSchema, request);
      const own = new FakeLog(crypto, "another log");
      for (const value of [GOOD, BACKDOOR, "a", "b"]) own.publish([`key of ${value}`, value], [`tool ${value}`, value]);
      const asked = Buffer.from(request).toString("latin1").replace(LogID, own.info.id);
      return new FakeNode("memory:own", own).answer(method, new Uint8Array(Buffer.from(asked, "latin1")));
    },
  },
  claimsForAnyLog: {
    does: "answers with claims of its own for whichever log it is asked about, under the head that was asked for",
    answer: instead([LogAPI.method.getMapValue], ({ method, request, crypto }) => {
      const asked = fromBinary(LogAPI.method.getMapValue.input, request);
      const own = new FakeLog(crypto, "another log");
      const head = own.publish(["one", "more"], [Buffer.from(asked.Key).toString(), BACKDOOR], ["and", "another"]);
      const question = { ...asked, LogID: own.info.id, MapRoot: head.mapRoot, TreeSize: BigInt(head.treeSize) };
      return new FakeNode("memory:own", own).answer(method, toBinary(LogAPI.method.getMapValue.input, question));
    }),
  },
} satisfies Record<string, Attack>;

/** Bytes that are not the message. */
export const MESSAGE_LIES = {
  emptyMessage: { does: "answers with no bytes: every field is missing", answer: () => new Uint8Array(0) },
  cutMessage: {
    does: "leaves the second half of every message out",
    answer: ({ honest }) => honest().slice(0, honest().length >> 1),
  },
  garbage: {
    does: "answers with bytes that are no message",
    answer: () => new Uint8Array(500).fill(0xff),
  },
  text: { does: "answers with a text", answer: () => utf8("<html>it works!</html>") },
  manyEmptyParts: {
    does: "answers with hundreds of thousands of empty fields, which are small on the wire and large in memory",
    answer: () => new Uint8Array(Buffer.alloc(1 << 20, Uint8Array.of(0x0a, 0))),
  },
  deepGroups: {
    does: "answers with groups in groups",
    answer: () => new Uint8Array(100_000).fill(0x7b),
  },
} satisfies Record<string, Attack>;
