/** Policies that others wrote, against their corpus and whatever else may come. */
import { join } from "node:path";
import { utf8, utf8Text } from "@trustix/crypto";
import { ProtocolError } from "@trustix/protocol";
import { describeParsers, parser } from "@trustix/testkit/fuzz";
import { policyFromJson, policyToJson, type Policy } from "../src/index.ts";
import { policy } from "./elections.ts";

const print = (own: Policy): Uint8Array => utf8(JSON.stringify(policyToJson(own)));

describeParsers(join(import.meta.dirname, "corpus"), {
  policy: parser({
    read: (bytes) => policyFromJson(JSON.parse(utf8Text(bytes))),
    print,
    good: policy.map(print),
    // What is no JSON, or no text, is the reader's before.
    isRefusal: (error) => error instanceof ProtocolError || error instanceof SyntaxError || error instanceof TypeError,
  }),
});
