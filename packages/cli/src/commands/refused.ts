/** `trustix refused`: second values that the write rule turned away, beside what stands. */
import { fromHex, toHex } from "@trustix/crypto";
import { nodeCrypto } from "@trustix/node-crypto";
import { NodeExt, RefusedClaim_Places } from "@trustix/proto";
import type { Action } from "../command.ts";
import { findLogId, withNode } from "../connect.ts";
import { keyText } from "../words.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { Claims } = await node.call(NodeExt.method.refused, { LogID: await findLogId(input, node) });
    const crypto = nodeCrypto();
    const claims = Claims.map(({ Key, Value, Standing, Time, FoundAt }) => ({
      key: toHex(Key),
      standing: toHex(Standing),
      refused: toHex(crypto.sha256(Value)),
      value: toHex(Value),
      time: new Date(Number(Time)).toISOString(),
      foundAt: FoundAt === RefusedClaim_Places.SUBMIT ? "submit" : "flush",
    }));
    if (input.on("json")) {
      input.io.out(JSON.stringify(claims));
      return;
    }
    for (const { key, standing, refused, time } of claims) {
      input.io.out(`${time} ${keyText(fromHex(key))} stands '${standing}' refused '${refused}'`);
    }
    if (claims.length === 0) input.io.note("trustix: nothing was refused");
  });
