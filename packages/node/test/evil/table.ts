/**
 * What comes of each attack: how the fourth voter votes on `rare`, for which it is needed, why, what evidence is kept, and
 * what that makes of the decision. Whatever it does, the three others decide `tool`.
 *
 * `start`: it lies from first contact on. `later`: it was honest, and the log has grown since.
 */
import type { EvidenceKind } from "@trustix/client";
import type { VoteOutcome } from "@trustix/protocol";
import { type AttackName, GOOD } from "@trustix/testkit/evil";
import type { Mode, Place, When } from "./stage.ts";

export interface Seen {
  readonly vote: VoteOutcome;
  /** A fragment of the vote's reason. */
  readonly why: RegExp;
  /** Kept against the log, and convicts its key. */
  readonly evidence?: EvidenceKind;
  /** What is decided on `rare`. */
  readonly rare: typeof GOOD | "nothing";
  /** What is shown of the place that lies, where the vote is none the worse for it. */
  readonly placeWhy?: RegExp;
}

export interface Row extends Record<Mode, Seen> {
  /** All of them at once. */
  readonly attacks: readonly AttackName[];
  readonly when: When;
  readonly at: Place;
}

/** These take a log of few heads, whose list of map heads is read whole. */
export const OF_THE_YOUNG: ReadonlySet<AttackName> = new Set<AttackName>(["otherMapHeads"]);

/** Nothing is lost: the vote is the honest one. */
const claims = (placeWhy?: RegExp): Seen => ({
  vote: "claims",
  why: /^$/,
  rare: GOOD,
  ...(placeWhy !== undefined && { placeWhy }),
});
const without = (vote: VoteOutcome, why: RegExp): Seen => ({ vote, why, rare: "nothing" });
const unverifiable = (why: RegExp): Seen => without("unverifiable", why);
const unreachable = (why: RegExp): Seen => without("unreachable", why);
const convicted = (evidence: EvidenceKind, why: RegExp): Seen => ({ ...without("excluded", why), evidence });

const inBoth = (seen: Seen): Record<Mode, Seen> => ({ light: seen, full: seen });
const row = (
  attacks: AttackName | readonly AttackName[],
  when: When,
  seen: Record<Mode, Seen>,
  at: Place = "alone",
): Row => ({ attacks: typeof attacks === "string" ? [attacks] : attacks, when, at, ...seen });

/** With the log's key. */
export const SIGNED: readonly Row[] = [
  row("shrunk", "later", inBoth(convicted("map_heads_missing", /size 9 has 5 map heads, the one of size 3 already/))),
  row("forkedAtTheSameSize", "later", inBoth(convicted("same_size", /two signed heads of size 9 differ/))),
  row("forkedAndGrown", "later", inBoth(convicted("log_rewritten", /size 10 does not begin with the one of size 9/))),
  row("pastRewritten", "later", inBoth(convicted("log_rewritten", /size 10 does not begin with the one of size 9/))),
  // Who was never seen with another history has none. Its claim is another one, and nobody agrees.
  row("pastRewritten", "start", inBoth({ ...claims(), rare: "nothing" })),
  row("forkedAndGrown", "start", inBoth(claims())),
  // Not shown to be one history, and not shown not to be.
  row(["forkedAndGrown", "strangersGrowthProof"], "later", {
    light: without("stale", /this map root is not held/),
    full: claims(/list of map heads does not match/),
  }),

  ...(["start", "later"] as const).flatMap((when) => [
    row("otherValueInMap", when, inBoth(convicted("map_entry_differs", /has another entry there/))),
    row("otherEntryInMap", when, inBoth(convicted("map_entry_differs", /has another entry there/))),
    row("entryBeyondTheLogInMap", when, inBoth(convicted("map_entry_differs", /the log does not reach so far/))),
    // One key at a time shows neither what a map lacks nor what a log holds twice.
    row("keyLeftOutOfMap", when, {
      light: without("absent", /^$/),
      full: convicted("key_missing_in_map", /entry [13] of the log is (tool|rare), and the map has no such key/),
    }),
    row("keyLoggedTwice", when, {
      light: claims(),
      full: convicted("key_twice", /holds (tool|rare) twice/),
    }),
    row("keyLoggedAnew", when, {
      light: { ...claims(), rare: "nothing" },
      full: convicted("key_twice", /holds (tool|rare) twice/),
    }),
  ]),
  // Readers of the whole log see that the map is another, and cannot name a key that the log does not have.
  row("inventedKeyInMap", "start", {
    light: convicted("map_entry_differs", /has another entry there/),
    full: unverifiable(/the map root of its head of 7 entries is not the one that its entries make/),
  }),
  row("entrySpeltOtherwiseInMap", "start", {
    light: unverifiable(/not spelt as the protocol says/),
    full: unverifiable(/the map root of its head of 10 entries is not the one that its entries make/),
  }),
  // A head that does not fit its entries is not served; the one before, which did, is.
  row("entrySpeltOtherwiseInMap", "later", {
    light: unverifiable(/not spelt as the protocol says/),
    full: claims(),
  }),
  // Who lies and then does not answer is not convicted, and not counted.
  row(["otherValueInMap", "rootNeverHeld"], "start", {
    light: without("stale", /this map root is not held/),
    full: unverifiable(/the map root of its head of 10 entries is not the one that its entries make/),
  }),

  row("mapRootNotAmongMapHeads", "start", inBoth(convicted("map_root", /another map root than its own list/))),
  row("mapRootNotAmongMapHeads", "later", inBoth(convicted("map_root", /another map root than its own list/))),
  row("mapHeadsRewritten", "later", inBoth(convicted("map_heads_rewritten", /do not begin with those under size 9/))),
  row("mapHeadsNotGrown", "start", inBoth(convicted("map_root", /another map root than its own list/))),
  row("mapHeadsNotGrown", "later", inBoth(convicted("map_heads_missing", /has 5 map heads, .* already had 5/))),
  row("noMapHeads", "start", inBoth(unverifiable(/lists no map head, not even its own/))),
  row("noMapHeads", "later", inBoth(convicted("map_heads_missing", /has 0 map heads, .* already had 5/))),
  row("emptyWithRoots", "start", inBoth(unverifiable(/size 0 does not have the roots of empty trees/))),
  row("emptyWithRoots", "later", inBoth(convicted("map_heads_missing", /the one of size 0 already had 6/))),
  row("hugeSize", "start", {
    light: unverifiable(/log tile .* is not stored/),
    full: unverifiable(/0 of 9007199254740991 entries are copied.*asked for entries 0 to 999 it sent 10/),
  }),
  row("hugeSize", "later", inBoth(claims(/no such sizes/))),
];

/** With the log's key, shown by a replica while the log's own node shows the honest log: a split view. */
export const SPLIT: readonly Row[] = [
  ...(["start", "later"] as const).flatMap((when) => [
    row("shrunk", when, inBoth(convicted("map_heads_missing", /the one of size 3 already had 6/)), "beside"),
    row("emptyWithRoots", when, inBoth(convicted("map_heads_missing", /the one of size 0 already had 6/)), "beside"),
  ]),
  row("forkedAtTheSameSize", "start", inBoth(convicted("same_size", /two signed heads of size 9 differ/)), "beside"),
  row(
    "forkedAtTheSameSize",
    "later",
    inBoth(convicted("log_rewritten", /10 does not begin with the one of/)),
    "beside",
  ),
  row("forkedAndGrown", "start", inBoth(convicted("log_rewritten", /10 does not begin with the one of/)), "beside"),
  row("forkedAndGrown", "later", inBoth(convicted("same_size", /two signed heads of size 10 differ/)), "beside"),
  row("mapHeadsRewritten", "start", inBoth(convicted("map_heads_rewritten", /do not begin with those/)), "beside"),
  // Nobody connects the two, so neither counts.
  row(
    ["forkedAndGrown", "strangersGrowthProof"],
    "start",
    inBoth(unverifiable(/heads of sizes 9 and 10, and they are not shown to be one history/)),
    "beside",
  ),
  row("hugeSize", "start", inBoth(unverifiable(/and they are not shown to be one history/)), "beside"),
  // What is not shown is no second history.
  row(["pastRewritten", "refusals"], "later", inBoth(claims()), "beside"),
];

type Whys = Partial<Record<AttackName, RegExp>>;

/** The same for each attack, but for the reason. */
const each = (whys: Whys, rows: (name: AttackName, why: RegExp) => readonly Row[]): Row[] =>
  (Object.entries(whys) as [AttackName, RegExp][]).flatMap(([name, why]) => rows(name, why));

const NOT_SIGNED = /is not signed by the log's key/;
const OTHER_LIST = /list of map heads does not match its signed root/;

/** Heads and their growth: a first head is not held, and a later one is not taken. */
const GROWTH = [
  ...each(
    {
      forgedSignature: NOT_SIGNED,
      forgedHead: NOT_SIGNED,
      strangersHead: NOT_SIGNED,
      emptyGrowthProof: OTHER_LIST,
      cutGrowthProof: OTHER_LIST,
      surplusInGrowthProof: OTHER_LIST,
      strangersGrowthProof: OTHER_LIST,
      garbledGrowthProof: OTHER_LIST,
      otherMapHeads: OTHER_LIST,
      shortHashInGrowthProof: /31 bytes came, 32 wanted/,
      longGrowthProof: /1000 hashes came, at most 128 wanted/,
    },
    (name, why) => [row(name, "start", inBoth(unverifiable(why))), row(name, "later", inBoth(claims(why)))],
  ),
  row("headsHang", "start", inBoth(unreachable(/no answer within 20000 ms/))),
  row("headsHang", "later", {
    light: unreachable(/it did not answer in time before/),
    full: claims(/no answer within 20000 ms/),
  }),
  row("growthProofsHang", "start", inBoth(unreachable(/no answer within \d+ ms/))),
  row("growthProofsHang", "later", inBoth(claims(/no answer within 20000 ms/))),
  // An old head is true as far as it goes; how old it is shows in its age.
  row("oldHeadReplayed", "start", inBoth(claims())),
  row("oldHeadReplayed", "later", inBoth(claims())),
];

const NO_MAP_PROOF = /its map proof does not hold: the proof leads to root/;
const NO_ABSENCE = /it says absent, its proof does not hold: the proof leads to root/;

/** Answers about one key, which copies do not ask for. */
const MAP = [
  ...each(
    {
      wrongSideNode: NO_MAP_PROOF,
      wrongMask: /3 side nodes, wanted 3 less 1 placeholders/,
      wrongSideCount: /3 side nodes, wanted 4 less 0 placeholders/,
      shortSideNode: /side node 0 has 31 bytes, wanted 32/,
      tooManySideNodes: /300 side nodes came, at most 256 wanted/,
      leafDataInPresence: /a proof of presence names another leaf/,
      emptyLeafData: /a proof of presence names another leaf/,
      otherDigestInAnswer: NO_MAP_PROOF,
      otherIndexInAnswer: NO_MAP_PROOF,
      otherKeysAnswer: NO_MAP_PROOF,
      forgedMap: NO_MAP_PROOF,
      claimsForAnyLog: NO_MAP_PROOF,
      madeUpAbsence: NO_ABSENCE,
      ownLeafAsAbsence: /the other leaf is the path itself/,
      presenceAsAbsence: NO_ABSENCE,
      absenceOfAnotherKey: /its proof does not hold/,
      absenceFromThePast: NO_ABSENCE,
      nakedAbsence: /it answers not_found: the key is absent/,
      garbageAsAbsence: /it answers not_found: the key is absent/,
      saysAbsent: /it says absent and cannot prove it/,
    },
    (name, why) =>
      (["start", "later"] as const).map((when) => row(name, when, { light: unverifiable(why), full: claims() })),
  ),
  ...(["start", "later"] as const).flatMap((when) => [
    row("rootNeverHeld", when, {
      light: without("stale", /nothing can be proved under its newest head that is known here/),
      full: claims(),
    }),
    row("wrongAuditPath", when, inBoth(claims())),
    row("claimsHang", when, { light: unreachable(/no answer within 2000 ms|did not answer in time/), full: claims() }),
  ]),
  row("noAuditPath", "later", { light: unverifiable(/it does not show entry 3 of its log/), full: claims() }),
];

const NOT_THE_LOG = /0 of 9 entries are copied, .* do not make the log root of the signed head/;

/** Entries and values, which only copies ask for; what was copied before stays. */
const ENTRIES = [
  ...each(
    {
      swappedValue: /asked for value [0-9a-f]+ it sent one of digest/,
      surplusValue: /came, which was not asked for/,
      valuesPutOff: /asked for values it sent none and put all off/,
      wrongLeafDigest: /LeafDigest is not the digest of Key and ValueDigest/,
      otherEntries: NOT_THE_LOG,
      entryRepeated: NOT_THE_LOG,
      entriesInOtherOrder: NOT_THE_LOG,
      entriesOfAnotherRange: NOT_THE_LOG,
      tooFewEntries: /asked for entries 0 to 8 it sent 8/,
      tooManyEntries: /asked for entries 0 to 8 it sent 10/,
      noEntries: /asked for entries 0 to 8 it sent 0/,
      entriesWithoutKeys: /entry 0 came without its key/,
      entriesAlwaysTooMany: /it answers resource_exhausted: ask for less/,
    },
    (name, why) => [
      row(name, "start", { light: claims(), full: unverifiable(why) }),
      row(name, "later", inBoth(claims())),
    ],
  ),
  row("entriesHang", "start", { light: claims(), full: unreachable(/0 of 9 entries are copied.*no answer within/) }),
  row("entriesHang", "later", inBoth(claims())),
  row("valuesHang", "start", { light: claims(), full: unreachable(/0 of 9 entries are copied.*no answer within/) }),
  row("valuesHang", "later", inBoth(claims())),
  // The digest is proved, and others have the value.
  row("withheldValues", "start", inBoth(claims())),
  row("withheldValues", "later", inBoth(claims())),
];

/** Everything ends so: no first head is had. A copy goes on without the place, and says what is wrong with it. */
const everywhere = (first: (why: RegExp) => Seen, later: (why: RegExp) => Seen) => (name: AttackName, why: RegExp) => [
  row(name, "start", inBoth(first(why))),
  row(name, "later", { light: later(why), full: claims(why) }),
];

const TOO_LARGE = /its answer is larger than 1048576 bytes/;
const LARGE_ERROR = /its answer is larger than 262144 bytes/;

const ANSWERS = [
  // An error says that there is no head, not that one is wrong.
  ...each(
    {
      unknownErrors: /it answers unknown: database is locked/,
      refusals: /it answers permission_denied: not for you/,
      tooLarge: /it answers resource_exhausted: ask for less/,
      notFound: /it answers not_found: no such thing/,
      canceled: /it answers canceled: you canceled this/,
      nastyMessage: /it answers internal: \uFFFD\]0;owned\uFFFD\uFFFD\[2J\uFFFD\[31mok \uFFFD\uFFFD1m\uFFFDtrusted /,
      manyDetails: /it answers not_found: see the details/,
      internalServerError: /it answers unknown: it answered HTTP 500/,
      nothingThere: /it answers unimplemented: it answered HTTP 404/,
      noContent: /it answers unknown: it answered HTTP 204/,
    },
    everywhere(unreachable, unverifiable),
  ),
  ...each(
    {
      busy: /it answers: too many calls/,
      tooManyRequests: /it answered HTTP 429/,
      badGateway: /it answered HTTP 502/,
      reset: /connection reset/,
      resetWithinAnswer: /the connection broke within the answer: connection reset/,
      shortBody: /the connection broke within the answer/,
      notHttp: /does not match the HTTP\/1.1 protocol/,
      endlessHeaders: /Headers Overflow/,
    },
    everywhere(unreachable, unreachable),
  ),
  ...each(
    {
      hugeMessage: LARGE_ERROR,
      errorBomb: LARGE_ERROR,
      endlessError: LARGE_ERROR,
      oversized: TOO_LARGE,
      gzipBomb: TOO_LARGE,
      endlessBody: TOO_LARGE,
      endlessHints: /it sends early hints \(more than 16\) and no answer/,
      emptyMessage: /required field \w+ is missing/,
      cutMessage: /bytes do not parse: premature EOF/,
      garbage: /bytes do not parse/,
      text: /bytes do not parse/,
      manyEmptyParts: /over 250000 fields came/,
      deepGroups: /bytes do not parse: maximum recursion depth/,
      otherContentType: /it answered with content type "text\/html; charset=utf-8"/,
      noContentType: /it answered with content type ""/,
      redirectToItself: /it redirects \(HTTP 308\), which is not followed/,
      redirectElsewhere: /it redirects \(HTTP 307\), which is not followed/,
      notGzip: /its answer is not gzip although it says so/,
      strangeEncoding: /it answered in encoding "br", gzip or none wanted/,
    },
    everywhere(unverifiable, unverifiable),
  ),
  row("anotherLog", "start", inBoth(unverifiable(NOT_SIGNED))),
  row("anotherLog", "later", { light: without("stale", /this map root is not held/), full: claims(NOT_SIGNED) }),
  // Once it let its caller wait it is left alone for a while.
  ...each({ slowDrip: /./, hangBeforeHeaders: /./, hangAfterHeaders: /./ }, (name) => [
    row(name, "start", inBoth(unreachable(/no answer within 20000 ms/))),
    row(name, "later", {
      light: unreachable(/it did not answer in time before; asked again in \d+ s/),
      full: claims(/no answer within 20000 ms/),
    }),
  ]),
  // Nothing is wrong with these, or it is not noticed and does no harm.
  ...(["hintsFirst", "longBody"] as const).flatMap((name) => [
    row(name, "start", inBoth(claims())),
    row(name, "later", inBoth(claims())),
  ]),
];

/** Without any key: nothing of this is evidence. */
export const UNSIGNED: readonly Row[] = [...GROWTH, ...MAP, ...ENTRIES, ...ANSWERS];
