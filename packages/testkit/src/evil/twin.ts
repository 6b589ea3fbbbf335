/** Copies of a log under its own key, changed as its holder could change it. */
import { type Crypto, utf8Text } from "@trustix/crypto";
import { FakeLog } from "../fake-log.ts";
import { BACKDOOR, GOOD } from "./attack.ts";

export type Claim = readonly [key: string, value: string];

/** The same claims under the same heads as far as `change` leaves them alone; `heads`: how many of them, all unless told. */
export function twinOf(
  crypto: Crypto,
  log: FakeLog,
  change: (claim: Claim, index: number) => Claim = (claim) => claim,
  heads: number = log.heads.length,
): FakeLog {
  const twin = new FakeLog(crypto, log.name, log.info.protocol);
  for (let at = 1; at < heads; at++) {
    const [from, to] = [log.heads[at - 1]!.treeSize, log.heads[at]!.treeSize];
    twin.publish(
      ...claimsOf(log)
        .slice(from, to)
        .map((claim, i) => change(claim, from + i)),
    );
  }
  return twin;
}

export function claimsOf(log: FakeLog): Claim[] {
  return log.entries.map(({ key, value }) => [utf8Text(key), utf8Text(value)]);
}

/** Indices of the entries that lies are about. */
export function targetsOf(log: FakeLog): number[] {
  return claimsOf(log).flatMap(([, value], index) => (value === GOOD ? [index] : []));
}

export const backdoored = ([key, value]: Claim): Claim => [key, value === GOOD ? BACKDOOR : value];
