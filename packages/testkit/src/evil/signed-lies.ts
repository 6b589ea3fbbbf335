/**
 * Lies of whoever holds a log's key. Each shows a twin of the log: the same heads as long as it was honest, and other ones
 * from there on. Everything in them is signed, so whoever sees both sides can prove it.
 */
import { utf8 } from "@trustix/crypto";
import { mapEntryBytes } from "@trustix/protocol";
import { FakeLog } from "../fake-log.ts";
import { type Attack, BACKDOOR } from "./attack.ts";
import { backdoored, claimsOf, targetsOf, twinOf } from "./twin.ts";

/** What the log adds when it goes on. */
const MORE = ["more of it", "and more"] as const;

/** A twin that goes on with another map: `entry` says what it holds of the entries that lies are about. */
function withMap(entry: (log: FakeLog, index: number) => Uint8Array | undefined): NonNullable<Attack["twin"]> {
  return (crypto, log) => {
    const twin = twinOf(crypto, log);
    twin.add(MORE);
    for (const index of targetsOf(twin)) twin.lieInMap(index, entry(twin, index));
    twin.sign();
    return twin;
  };
}

export const SIGNED_LIES = {
  shrunk: {
    does: "signs a new head over fewer entries than before",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log, undefined, 2);
      while (twin.head().mhTreeSize <= log.head().mhTreeSize) twin.sign();
      return twin;
    },
  },
  forkedAtTheSameSize: {
    does: "signs another head of the same size, with another last entry",
    twin: (crypto, log) => {
      const last = log.entries.length - 1;
      return twinOf(crypto, log, (claim, index) => (index === last ? [claim[0], BACKDOOR] : claim));
    },
  },
  forkedAndGrown: {
    does: "signs a larger head whose last entries are others than those of the head before",
    twin: (crypto, log) => {
      const last = log.entries.length - 1;
      const twin = twinOf(crypto, log, (claim, index) => (index === last ? [claim[0], BACKDOOR] : claim));
      twin.publish(MORE);
      return twin;
    },
  },
  pastRewritten: {
    does: "gives early entries another value and goes on from there",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log, backdoored);
      twin.publish(MORE);
      return twin;
    },
  },
  keyLeftOutOfMap: {
    does: "signs a map without keys that the log holds",
    twin: withMap(() => undefined),
  },
  otherValueInMap: {
    does: "signs a map that gives keys another value than their entries have",
    twin: (crypto, log) => withMap((_, index) => mapEntryBytes(crypto.sha256(utf8(BACKDOOR)), index))(crypto, log),
  },
  otherEntryInMap: {
    does: "signs a map that names, for keys, the entry of another key",
    twin: withMap((log, index) => mapEntryBytes(log.entries[index]!.digest, (index + 1) % log.entries.length)),
  },
  entryBeyondTheLogInMap: {
    does: "signs a map that names an entry which the log does not have",
    twin: withMap((log, index) => mapEntryBytes(log.entries[index]!.digest, log.entries.length + index)),
  },
  inventedKeyInMap: {
    does: "signs a map that holds keys of which the log has no entry",
    twin: (crypto, log) => {
      const others = claimsOf(log).filter((_, index) => !targetsOf(log).includes(index));
      const twin = new FakeLog(crypto, log.name, log.info.protocol);
      twin.add(...others);
      for (const index of targetsOf(log)) {
        const [key] = claimsOf(log)[index]!;
        twin.inventInMap(key, mapEntryBytes(crypto.sha256(utf8(BACKDOOR)), index % twin.entries.length));
      }
      twin.sign();
      return twin;
    },
  },
  entrySpeltOtherwiseInMap: {
    does: "signs a map whose entries are spelt so that two readers may read them differently",
    twin: withMap((log, index) =>
      utf8(`{"Index":${index},"Digest":"${Buffer.from(log.entries[index]!.digest).toString("base64")}"}`),
    ),
  },
  keyLoggedTwice: {
    does: "logs keys a second time with another value, and lets the map keep the first",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.publish(...targetsOf(log).map((index) => [claimsOf(log)[index]![0], BACKDOOR] as const));
      return twin;
    },
  },
  keyLoggedAnew: {
    does: "logs keys a second time with another value, and lets the map name the second",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.add(...targetsOf(log).map((index) => [claimsOf(log)[index]![0], BACKDOOR] as const));
      for (const index of targetsOf(log)) twin.lieInMap(index, undefined);
      twin.sign();
      return twin;
    },
  },
  mapRootNotAmongMapHeads: {
    does: "signs a head with another map root than the last of its map heads",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.add(MORE);
      twin.sign({ mapRoot: crypto.sha256(utf8("any map")) });
      return twin;
    },
  },
  mapHeadsRewritten: {
    does: "signs a head whose list of map heads does not begin with the list before",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log, undefined, 1);
      twin.mapHeads.append(crypto.sha256(utf8("a map that was never shown")));
      for (let at = 1; at < log.heads.length; at++) {
        const [from, to] = [log.heads[at - 1]!.treeSize, log.heads[at]!.treeSize];
        twin.publish(...claimsOf(log).slice(from, to));
      }
      twin.publish(MORE);
      return twin;
    },
  },
  mapHeadsNotGrown: {
    does: "signs a larger head with no more map heads than the one before",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.add(MORE);
      const { mhRoot, mhTreeSize } = log.head();
      twin.sign({ mhRoot, mhTreeSize });
      return twin;
    },
  },
  noMapHeads: {
    does: "signs a head that lists no map head at all",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.add(MORE);
      twin.sign({ mhRoot: crypto.sha256(new Uint8Array(0)), mhTreeSize: 0 });
      return twin;
    },
  },
  emptyWithRoots: {
    does: "signs a head of no entries that has roots of some",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.sign({ treeSize: 0 });
      return twin;
    },
  },
  hugeSize: {
    does: "signs a head of more entries than anybody could read",
    twin: (crypto, log) => {
      const twin = twinOf(crypto, log);
      twin.add(MORE);
      twin.sign({ treeSize: Number.MAX_SAFE_INTEGER });
      return twin;
    },
  },
} satisfies Record<string, Attack>;
