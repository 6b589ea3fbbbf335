/** False entries and values: what a reader of a whole log gets. */
import { create, fromBinary, toBinary, type MessageShape } from "@bufbuild/protobuf";
import { utf8 } from "@trustix/crypto";
import { RpcError } from "@trustix/client";
import {
  FoundValueSchema,
  GetValuesResponseSchema,
  LogAPI,
  LogExt,
  type LogEntriesResponseSchema,
  LogLeafSchema,
  NodeAPI,
} from "@trustix/proto";
import { logLeafDigest } from "@trustix/protocol";
import { type Answer, type Attack, BACKDOOR, type EvilCall } from "./attack.ts";
import { changing, flipped, hanging, instead } from "./change.ts";

const { getLogEntries } = LogAPI.method;
const { getValue } = NodeAPI.method;
const { getValues } = LogExt.method;
type Leaves = MessageShape<typeof LogEntriesResponseSchema>["Leaves"];

const inEntries = (change: (leaves: Leaves, call: EvilCall) => Leaves): Answer =>
  changing(getLogEntries, (answer, call) => (answer.Leaves = change(answer.Leaves, call)));

/** Answers both calls for values: `one` for a digest, or `undefined` for none. */
function values(one: (digest: Uint8Array) => Uint8Array | undefined): Answer {
  return instead([getValue, getValues], ({ method, request }) => {
    if (method.name === getValue.name) {
      const Value = one(fromBinary(getValue.input, request).Digest);
      if (Value === undefined) throw new RpcError("not_found", "no such value", { origin: "server" });
      return toBinary(getValue.output, create(getValue.output, { Value }));
    }
    const Values = fromBinary(getValues.input, request).Digests.flatMap((Digest) => {
      const Value = one(Digest);
      return Value === undefined ? [] : [create(FoundValueSchema, { Digest, Value })];
    });
    return toBinary(GetValuesResponseSchema, create(GetValuesResponseSchema, { Values }));
  });
}

export const ENTRY_LIES = {
  swappedValue: {
    does: "sends other bytes than those of the digest that was asked for",
    answer: values(() => utf8(BACKDOOR)),
  },
  withheldValues: {
    does: "claims values and gives none of them out",
    answer: values(() => undefined),
  },
  valuesHang: {
    does: "claims values and never answers who asks for one",
    send: hanging(getValue, getValues),
  },
  entriesHang: {
    does: "answers everything but what its entries are",
    send: hanging(getLogEntries),
  },
  surplusValue: {
    does: "sends a value that was not asked for beside those that were",
    answer: changing(getValues, (answer, { crypto }) => {
      const Value = utf8(BACKDOOR);
      answer.Values.push(create(FoundValueSchema, { Digest: crypto.sha256(Value), Value }));
    }),
  },
  valuesPutOff: {
    does: "puts off every value for ever",
    answer: instead([getValues], ({ request }) => {
      const Left = fromBinary(getValues.input, request).Digests;
      return toBinary(GetValuesResponseSchema, create(GetValuesResponseSchema, { Left }));
    }),
  },
  wrongLeafDigest: {
    does: "sends entries whose leaf digests are not those of key and value",
    answer: inEntries((leaves) => leaves.map((leaf) => ({ ...leaf, LeafDigest: flipped(leaf.LeafDigest) }))),
  },
  otherEntries: {
    does: "sends entries with other values, whose leaf digests fit those",
    answer: inEntries((leaves, { crypto }) =>
      leaves.map((leaf) => {
        const ValueDigest = crypto.sha256(utf8(BACKDOOR));
        return { ...leaf, ValueDigest, LeafDigest: logLeafDigest(crypto, leaf.Key, ValueDigest) };
      }),
    ),
  },
  entryRepeated: {
    does: "sends an entry twice, in the place of the one behind it",
    answer: inEntries((leaves) => leaves.map((leaf, i) => (i === 1 ? leaves[0]! : leaf))),
  },
  entriesInOtherOrder: {
    does: "sends the entries of a range in the reverse order",
    answer: inEntries((leaves) => leaves.toReversed()),
  },
  entriesOfAnotherRange: {
    does: "sends the entries of the range behind the one that was asked for",
    answer: instead([getLogEntries], ({ node, request }) => {
      const asked = fromBinary(getLogEntries.input, request);
      const all = { ...asked, Start: 0n, Finish: 1_000_000n };
      const { Leaves } = fromBinary(
        getLogEntries.output,
        node.answer(getLogEntries, toBinary(getLogEntries.input, all)),
      );
      const [from, to] = [Number(asked.Start), Number(asked.Finish) + 1];
      const moved = [...Leaves.slice(1), Leaves[0]!].slice(from, to);
      return toBinary(getLogEntries.output, create(getLogEntries.output, { Leaves: moved }));
    }),
  },
  tooFewEntries: {
    does: "leaves the last entry of a range out",
    answer: inEntries((leaves) => leaves.slice(0, -1)),
  },
  tooManyEntries: {
    does: "sends one entry more than was asked for",
    answer: inEntries((leaves) => [...leaves, leaves[0]!]),
  },
  noEntries: {
    does: "sends no entries, whatever was asked for",
    answer: inEntries(() => []),
  },
  entriesWithoutKeys: {
    does: "sends leaf digests without keys and values",
    answer: inEntries((leaves) => leaves.map(({ LeafDigest }) => create(LogLeafSchema, { LeafDigest }))),
  },
  entriesAlwaysTooMany: {
    does: "says of every range of entries that it is too large",
    answer: instead([getLogEntries], () => {
      throw new RpcError("resource_exhausted", "ask for less", { origin: "server" });
    }),
  },
} satisfies Record<string, Attack>;
