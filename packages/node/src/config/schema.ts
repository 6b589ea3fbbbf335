/**
 * The configuration file, once: this schema validates it, names its keys for "did you mean", and gives the reference
 * page. Keys of the existing program keep their names; keys of ours are written with hyphens.
 *
 * Every field says what it is (`description`), what a value looks like (`wanted`, the end of an error message) and, where
 * changing it can hurt, how (`danger`). Shapes only: what needs another field or a file is checked in `resolve-*.ts`.
 */
import {
  DEFAULT_STANDING_BOUNDS,
  NAME,
  POLICY_BOUNDS,
  POLICY_DEFAULTS,
  POLICY_MODES,
  RULE_ENGINES,
  UNDECIDED_RULES,
} from "@trustix/decider";
import { z } from "zod";
import { DEFAULT_LIMITS } from "./limits.ts";

export interface FieldMeta {
  readonly description: string;
  readonly wanted: string;
  readonly danger?: string;
  /** Never shown in messages. */
  readonly secret?: boolean;
  /** What is inside was described above: the page does not go down into it again. */
  readonly again?: boolean;
}

/** The page and the messages read what is registered here. */
function about<S extends z.ZodType>(schema: S, meta: FieldMeta): S {
  return schema.meta({ ...meta }) as S;
}

function text(wanted: string, description: string, extra: Partial<FieldMeta> = {}) {
  return about(z.string().min(1).max(4096), { wanted, description, ...extra });
}

/** A text that may be left out. */
function maybeText(wanted: string, description: string, extra: Partial<FieldMeta> = {}) {
  return about(z.string().min(1).max(4096).optional(), { wanted, description, ...extra });
}

function texts(wanted: string, description: string, extra: Partial<FieldMeta> = {}) {
  return about(z.array(z.string().min(1).max(4096)).default([]), { wanted, description, ...extra });
}

function yesNo(value: boolean, description: string, danger?: string) {
  return about(z.boolean().default(value), { wanted: "true or false", description, ...(danger && { danger }) });
}

function count(value: number, min: number, max: number, description: string, danger?: string) {
  const wanted = `a whole number from ${min} to ${max}`;
  return about(z.int().min(min).max(max).default(value), { wanted, description, ...(danger && { danger }) });
}

function seconds(value: number, min: number, max: number, description: string, danger?: string) {
  const wanted = `seconds, ${min} to ${max}`;
  return about(z.number().min(min).max(max).default(value), { wanted, description, ...(danger && { danger }) });
}

const publicKey = about(
  z.strictObject({
    type: about(z.enum(["ed25519"]), { wanted: '"ed25519"', description: "Kind of key; there is one." }),
    key: text("base64 of a 32-byte Ed25519 public key", "The key that signs the log's heads."),
  }),
  { wanted: "a table with type and key", description: "The log's public key." },
);

const protocol = text('"nix", "test" or a protocol\'s id', "What the log's keys and values mean.");

function maybeName(description: string, extra: Partial<FieldMeta> = {}) {
  const wanted = "1 to 64 letters, digits, dots, hyphens, underscores or spaces";
  return about(z.string().regex(NAME).optional(), { wanted, description, ...extra });
}

const name = maybeName("What people call the log. Default: the first 8 digits of its id.");
const operator = maybeName(
  "Who runs it. All voters of one operator count once, and for nothing when they contradict each other. Default: somebody who runs nothing else.",
  { danger: "Two spellings are two operators." },
);
const meta = about(z.record(z.string(), z.string()).default({}), {
  wanted: "a table of texts",
  description: "Free notes; `upstream` names the binary cache that holds the log's outputs.",
});

const publisher = z.strictObject({
  protocol,
  signer: text("the name of a table under [signers]", "Whose private key signs this log."),
  publicKey,
  name,
  operator,
  meta,
});

const subscriber = z.strictObject({
  protocol,
  publicKey,
  syncmode: about(z.enum(["full", "light"]).default("full"), {
    wanted: '"full" or "light"',
    description:
      "`full` copies the whole log and checks every entry: votes are then cast here, and nobody learns what is asked for. " +
      "`light` checks its heads only and asks for each claim with proofs.",
    danger: "With `light` the log learns every path that is asked for.",
  }),
  values: about(z.enum(["eager", "on-demand"]).default("eager"), {
    wanted: '"eager" or "on-demand"',
    description: "Whether a full copy has the values too, or only their digests.",
    danger: "With `on-demand` the log learns which paths are decided.",
  }),
  name,
  operator,
  meta,
});

const voter = z.strictObject({
  kind: about(z.enum(["binary-cache"]), { wanted: '"binary-cache"', description: "What it is; there is one kind." }),
  name: maybeName("What people call the cache. Default: the name of its first key."),
  url: text("an http:// or https:// URL", "Where the cache is asked, and its outputs are fetched from."),
  mirrors: about(z.array(z.string().min(1).max(4096)).max(8).default([]), {
    wanted: "a list of at most 8 http:// or https:// URLs",
    description: "Other places with what these keys signed, asked at the same time: still one voter.",
  }),
  "public-keys": about(z.array(z.string().min(1).max(4096)).min(1).max(8), {
    wanted: 'a list of 1 to 8 "name:base64" keys',
    description:
      "The keys that speak for it, as nix.conf has them. It is known by the first one: add new keys behind it.",
    danger:
      "Whoever holds one of them votes. A cache may have copied what it signs: agreement of caches is agreement of keys.",
  }),
  operator,
  "count-copies": yesNo(
    false,
    "Whether its signature counts although another voter's stands beside it.",
    "A cache that signs whatever it copied has a second vote for the same build.",
  ),
  "recheck-after": seconds(
    86_400,
    60,
    31_536_000,
    "Time after which a remembered answer is asked for again, in the background.",
  ),
  "negative-cache": seconds(30, 0, 86_400, "Time for which it is not asked again for what it does not have."),
});

const signer = z.strictObject({
  type: about(z.enum(["ed25519"]), { wanted: '"ed25519"', description: "Kind of key; there is one." }),
  ed25519: about(
    z.strictObject({
      "private-key-path": text(
        "a path",
        "File with the private key, as `trustix generate-key` writes it. Relative paths start at the configuration's folder.",
        { danger: "Whoever reads this file can sign the log." },
      ),
    }),
    { wanted: "a table with private-key-path", description: "Where an Ed25519 key lies." },
  ),
});

const B = POLICY_BOUNDS;
const WEIGHT = `a whole number from 1 to ${B.weight}`;

/** A quorum, or a group in one, as written. */
export interface QuorumTable {
  readonly threshold: number;
  readonly voters?: readonly string[] | undefined;
  readonly weights?: Readonly<Record<string, number>> | undefined;
  readonly groups?: readonly GroupTable[] | undefined;
}

export interface GroupTable extends QuorumTable {
  readonly name?: string | undefined;
  readonly weight?: number | undefined;
}

/** `level` 0 is the quorum itself. Groups lie in groups, to a depth that ends here: a schema without end would not bound its input. */
function quorumShape(level: number) {
  const group = level < B.depth ? groupTable(level + 1) : z.never();
  const within = level < B.depth ? "" : `; at most ${B.depth} deep`;
  return {
    threshold: about(z.int().min(1).max(B.threshold), {
      wanted: "a whole number from 1 up to the number of members",
      description:
        "How many members must stand behind the same value; with weights: how much they must weigh together.",
      danger: "At half of the members or less, two values can have enough: then nothing is decided.",
    }),
    voters: about(z.array(z.string().min(1)).min(1).optional(), {
      wanted: "a list of names or ids of configured voters",
      description:
        "Who votes. Default without groups: every configured voter of the protocol, the node's own logs included.",
    }),
    weights: about(
      z
        .record(
          z.string(),
          about(z.int().min(1).max(B.weight), { wanted: WEIGHT, description: "What this voter weighs." }),
        )
        .optional(),
      {
        wanted: `a table of weights by voter, each ${WEIGHT}`,
        description: "What a voter weighs here; default 1. An operator weighs what the heaviest of its voters does.",
        danger: "A voter that weighs as much as the threshold decides alone.",
      },
    ),
    groups: about(z.array(group).min(1).max(B.groups).optional(), {
      wanted: `a list of tables, each a group with threshold and voters${within}`,
      description:
        level === 0
          ? "Members that accept a value as a quorum of their own does."
          : `Groups in the group, in the same way, at most ${B.depth} deep.`,
      ...(level > 0 && { again: true }),
    }),
  };
}

function groupTable(level: number): z.ZodType<GroupTable> {
  return z.strictObject({
    name: maybeName("What people call the group. Default: its members."),
    ...quorumShape(level),
    weight: about(z.int().min(1).max(B.weight).default(1), {
      wanted: WEIGHT,
      description: "What the group weighs in the group around it.",
    }),
  });
}

const quorum: z.ZodType<QuorumTable> = z.strictObject(quorumShape(0));

const decider = z.strictObject({
  engine: about(z.enum(RULE_ENGINES), {
    wanted: '"quorum", "percentage", "logid" or "javascript"',
    description: "How this rule decides; a table of the same name holds its settings.",
  }),
  quorum: about(quorum.optional(), {
    wanted: "a table with threshold",
    description: "The only value with at least `threshold` members behind it: operators, and groups of them.",
  }),
  percentage: about(
    z
      .strictObject({
        minimum: about(z.int().min(0).max(100), {
          wanted: "a whole number from 0 to 100",
          description: "Share of all operators of configured voters that must claim the leading value.",
          danger: "At 0 a single voter decides while no other claims anything.",
        }),
      })
      .optional(),
    { wanted: "a table with minimum", description: "The value that most operators claim, if it leads alone." },
  ),
  logid: about(
    z
      .strictObject({
        id: text("the name or id of a configured voter", "The voter that decides.", {
          danger: "Whoever runs it decides alone.",
        }),
      })
      .optional(),
    { wanted: "a table with id", description: "Whatever one voter claims." },
  ),
  javascript: about(
    z
      .strictObject({
        function: text(
          "the source of a function from an array of {LogID, Value} to one of the values",
          "Runs in a sandbox without input, output, clock or chance, with bounded steps and 16 MB.",
        ),
      })
      .optional(),
    { wanted: "a table with function", description: "What a function of yours chooses." },
  ),
});

const exception = z.strictObject({
  match: about(z.string().min(1).max(B.match), {
    wanted: "a store path, or a glob on the name with * and ? only",
    description: "Which paths: a whole one, or a glob on what follows the hash part (`*` any characters, `?` one).",
    danger: "What a glob means changes with every release of what it names.",
  }),
  reason: about(z.string().min(1).max(B.reason), {
    wanted: `1 to ${B.reason} characters`,
    description: "Why; shown wherever the exception decides or does not.",
  }),
  expires: about(z.union([z.date(), z.string().min(1)]), {
    wanted: "a date (2026-12-31) or a time with its zone (2026-12-31T12:00:00Z)",
    description: "The last day it holds, UTC, or the moment it ends. An ended one that matches is still reported.",
  }),
  voters: about(z.array(z.string().min(1)).min(1), {
    wanted: "a list of names or ids of configured voters, at least one",
    description: "Who must still agree.",
  }),
  threshold: about(z.int().min(1).max(B.threshold).optional(), {
    wanted: "a whole number from 1 up to the number of operators behind the voters",
    description: "How many operators among them. Default: all.",
    danger: "At 1 a single operator decides what matches.",
  }),
});

const WAIT = 'How long `undecided = "wait"` waits. Nix gives an answer up after 300 silent seconds.';

const policy = z.strictObject({
  mode: about(z.enum(POLICY_MODES).default(POLICY_DEFAULTS.mode), {
    wanted: '"enforce", "warn" or "observe"',
    description:
      "`enforce`: only what is decided is installed, and what `undecided` lets through. `warn`: what is undecided too, " +
      "if its upstream signed it. `observe`: always the upstream's signed answer; the votes are only recorded.",
    danger: "Anything but `enforce` installs what the voters did not agree on.",
  }),
  "max-head-age": about(
    z
      .number()
      .min(1)
      .max(B.duration / 1000)
      .optional(),
    {
      wanted: `seconds, 1 to ${B.duration / 1000}`,
      description: "A voter whose head was last confirmed longer ago than this is stale. Default: any age.",
      danger: "Below the poll interval, honest voters lose their vote between two polls.",
    },
  ),
  undecided: about(z.enum(UNDECIDED_RULES).default(POLICY_DEFAULTS.undecided), {
    wanted: '"build", "wait" or "trust-upstream"',
    description:
      "What becomes of a path that is not decided. `build`: it is not there for Nix. `wait`: it is asked for again for " +
      "`wait-budget`. `trust-upstream`: it is installed if a key configured for its upstream signed it.",
    danger: "With `trust-upstream`, whoever makes voters unreachable leaves the upstream to decide alone.",
  }),
  "wait-budget": seconds(POLICY_DEFAULTS.waitBudgetMs / 1000, 1, 240, WAIT),
  exceptions: about(z.array(exception).max(B.exceptions).default([]), {
    wanted: "a list of tables",
    description: "For some paths, who must still agree when no rule decided. They never decide a conflict.",
  }),
});

const peer = z.strictObject({
  url: maybeText("an http://, https:// or unix:// URL", "Where the peer answers. Absent: it asks, and is not asked."),
  token: maybeText(
    '"name:base64" of a 32-byte public key',
    "The public half of the peer's own token; it may ask. Absent: it is asked, and may not ask.",
  ),
});

const upstream = z.strictObject({
  url: text("an http:// or https:// URL", "A binary cache that outputs are fetched from."),
  "public-keys": texts('"name:base64" keys', "Keys that sign this cache's narinfos."),
});

const listener = z.strictObject({
  address: text("unix:///path or http://host:port", "Where to listen."),
  private: about(z.boolean().optional(), {
    wanted: "true or false",
    description:
      "Whether the private services (decide, submit, flush, status) answer here. Default: on unix sockets only. " +
      "On TCP they want signed calls, as `trustix` makes them, of a token in `write_tokens`.",
  }),
  metrics: about(z.boolean().optional(), {
    wanted: "true or false",
    description: "Whether /metrics answers here. Default: on unix sockets only.",
  }),
  names: texts(
    '"host" or "host:port"',
    "What callers call this node by, beside the addresses it is reached at: a call signed for another node is refused.",
    { danger: "A name that another node has too lets that node pass on to this one what was signed for it." },
  ),
  "allow-unsigned-reads": yesNo(
    false,
    "Whether private reads over TCP need no signed call.",
    "Anybody who can connect sees what this node follows.",
  ),
  "allow-replayable-tokens": yesNo(
    false,
    "Whether private calls over TCP take the existing protocol's write token.",
    "That token can be replayed by whoever sees one call: only behind TLS or on a network of your own.",
  ),
});

const L = DEFAULT_LIMITS;
const GIB = 2 ** 30;
const limits = z.strictObject({
  "message-bytes": count(L.messageBytes, 1024, GIB, "Bytes of a request's body, after decompression."),
  "answer-bytes": count(L.answerBytes, 1024, GIB, "Bytes of an answer's body, before compression."),
  "header-bytes": count(L.headerBytes, 1024, 1 << 20, "Bytes of all request headers together."),
  "value-bytes": count(L.valueBytes, 1, GIB, "Bytes of one submitted value."),
  "submit-items": count(L.submitItems, 1, 10_000_000, "Items of one Submit call."),
  "waiting-items": count(L.waitingItems, 1, 100_000_000, "Accepted items that wait for a flush; more are refused."),
  entries: count(L.entries, 1000, 10_000_000, "Leaves in one answer; existing clients use up to 1000."),
  values: count(L.values, 1, 1_000_000, "Digests in one GetValues call."),
  "free-bytes": count(
    L.freeBytes,
    0,
    Number.MAX_SAFE_INTEGER,
    "Bytes that copies of logs leave free on the disk of the state folder; with less, nothing more is copied.",
  ),
  "signed-calls": count(L.signedCalls, 1, 10_000_000, "Signed calls within ten minutes; more are refused."),
  calls: count(L.calls, 1, 1_000_000, "Calls being answered at once."),
  connections: count(L.connections, 1, 1_000_000, "Open connections of one listener."),
  streams: count(L.streams, 1, 100_000, "Streams of one HTTP/2 connection."),
  "call-seconds": seconds(L.callMs / 1000, 0.01, 86_400, "Time for a call, its answer included."),
  "header-seconds": seconds(L.headerMs / 1000, 0.01, 86_400, "Time until a request's headers are there."),
  "body-seconds": seconds(L.bodyMs / 1000, 0.01, 86_400, "Time until a request's body is there."),
  "idle-seconds": seconds(L.idleMs / 1000, 0.01, 86_400, "Time a connection may be idle between calls."),
});

const STANDING = DEFAULT_STANDING_BOUNDS;
const ODDS = 1_000_000_000_000;
const ONE_MACHINE = "Lower: an honest machine that is unlike the others is found sooner, too.";
const standing = z.strictObject({
  agreeing: about(z.int().min(2).max(1000).optional(), {
    wanted: "a whole number from 2 to 1000",
    description:
      "How many other operators must agree with each other before one that differs stands alone. " +
      "Default: more than half of the configured ones, and at least 2.",
    danger: "So many operators together can push an honest one out, on paths that only they and it have built.",
  }),
  "alone-percent": about(
    z
      .number()
      .min(0.001)
      .max(100)
      .default(100 * STANDING.share),
    {
      wanted: "percent, 0.001 to 100",
      description: "On how much of what is compared anybody may stand alone.",
      danger: ONE_MACHINE,
    },
  ),
  "alone-factor": about(z.number().min(1).max(1000).default(STANDING.factor), {
    wanted: "a number from 1 to 1000",
    description: "And how many times as often as the others (their median), where that is more.",
    danger: ONE_MACHINE,
  }),
  "suspect-packages": count(STANDING.suspect.packages, 1, 100_000, "Different packages it takes to become suspect."),
  "suspect-odds": count(
    STANDING.suspect.odds,
    2,
    ODDS,
    "And to become suspect, so many packages come about by chance less than once in this many.",
  ),
  "exclude-packages": count(STANDING.exclude.packages, 1, 100_000, "Different packages it takes to be excluded."),
  "exclude-odds": count(
    STANDING.exclude.odds,
    2,
    ODDS,
    "And to be excluded, so many packages come about by chance less than once in this many.",
    "Lower: chance excludes honest builders sooner.",
  ),
});

const receipts = z.strictObject({
  keep: yesNo(true, "Whether the cache proxy keeps a receipt of every path that it serves by vote or lets through."),
  "max-age-days": about(z.number().min(0.01).max(36_500).default(90), {
    wanted: "days, 0.01 to 36500",
    description: "When a receipt is removed.",
  }),
  "max-bytes": count(256 << 20, 1 << 20, 2 ** 40, "Bytes of all of them; of more, the oldest are removed."),
});

function table<S extends z.ZodType>(schema: S, description: string): S {
  return about(schema, { wanted: "a table", description });
}

function list<S extends z.ZodType>(item: S, description: string) {
  return about(z.array(item).default([]), { wanted: "a list of tables", description });
}

export const configSchema = z.strictObject({
  storage: table(
    z
      .strictObject({
        type: about(z.enum(["native", "memory"]).default("native"), {
          wanted: '"native" or "memory"',
          description: "`native` keeps everything in the state folder, `memory` nothing beyond the process.",
          danger: "A published log in memory ends with the process.",
        }),
        native: table(z.strictObject({}).optional(), "Empty; legal with any type."),
        memory: table(z.strictObject({}).optional(), "Empty; legal with any type."),
      })
      .prefault({}),
    "Where logs and heads are kept.",
  ),
  publishers: list(publisher, "Logs that this node writes and signs."),
  subscribers: list(subscriber, "Logs of others that this node follows."),
  voters: about(z.array(voter).max(64).default([]), {
    wanted: "a list of at most 64 tables",
    description: "Binary caches whose signed answers are votes of the Nix protocol.",
  }),
  signers: about(z.record(z.string(), signer).default({}), {
    wanted: "tables named [signers.NAME]",
    description: "Private keys, by name.",
  }),
  remotes: texts("http://, https:// or unix:// URLs", "Nodes that are asked for every followed log."),
  peers: about(z.array(peer).max(64).default([]), {
    wanted: "a list of at most 64 tables",
    description: "Nodes of people you know, with which heads of followed logs are compared. Default: none.",
    danger:
      "A peer that is asked learns which logs this node follows; one that may ask learns it of each log it names.",
  }),
  write_tokens: texts('"name:base64" of a 32-byte public key', "Public halves of tokens that may submit and flush.", {
    secret: true,
  }),
  decider: about(z.record(z.string(), z.array(decider).max(B.rules)).default({}), {
    wanted: `lists of at most ${B.rules} tables named [[decider."PROTOCOL"]]`,
    description: "Rules of each protocol, tried in order: the first that decides wins.",
  }),
  policy: about(z.record(z.string(), policy).default({}), {
    wanted: 'tables named [policy."PROTOCOL"]',
    description: "What is done with the decisions of a protocol, and its exceptions. Absent: every default.",
  }),
  upstreams: list(
    upstream,
    "Binary caches that the cache proxy fetches from, beside those that vote and the logs' `meta.upstream`.",
  ),
  publish: table(
    z
      .strictObject({
        allow: texts(
          "globs on the name of a store path",
          "What may be published; empty: everything but what was made for one machine.",
          {
            danger:
              "What is made for one machine (preferLocalBuild, or allowSubstitutes = false) is published once a glob names it.",
          },
        ),
        deny: texts("globs on the name of a store path", "What is never published; wins over `allow`."),
      })
      .prefault({}),
    "Which builds the hook publishes.",
  ),
  listeners: list(listener, "Where the node answers. Default: the unix socket, with all services."),
  "socket-owners": about(z.array(z.union([z.string().min(1), z.int().min(0)])).default([]), {
    wanted: "a list of user names or numbers",
    description: "Users beside root and oneself whose socket or spool is trusted.",
    danger: "Such a user can show you anything as your own node's answer.",
  }),
  "poll-interval": seconds(1800, 1, 604_800, "Time between two looks at a followed log's head."),
  "decision-budget": seconds(2, 0.01, 300, "Time a decision waits for votes; who has not answered is unreachable."),
  flush: table(
    z
      .strictObject({
        interval: seconds(1, 0.01, 86_400, "Time after which accepted items are put under a signed head."),
        items: count(10_000, 1, 1_000_000, "Waiting items that start a flush at once."),
      })
      .prefault({}),
    "When the node signs a new head by itself.",
  ),
  retention: table(
    z
      .strictObject({
        days: about(z.number().min(0).max(36_500).default(7), {
          wanted: "days, 0 to 36500",
          description: "How long every head's map stays provable.",
          danger: "Followers whose last look is older lose their vote until their next one.",
        }),
        heads: count(1000, 1, 100_000_000, "How many of the newest heads stay provable, however old."),
      })
      .prefault({}),
    "How long old heads can be proved against.",
  ),
  standing: table(
    standing.prefault({}),
    "When builders that stand alone against the others become suspect, and are excluded (docs/design/standing.md).",
  ),
  receipts: table(
    receipts.prefault({}),
    "Receipts of what the cache proxy served: files in `receipts` in the state folder of whoever runs it, see docs/design/receipts.md.",
  ),
  limits: table(limits.prefault({}), "What is taken from outside at most."),
  "ca-file": maybeText("a path to a PEM file", "Certificates trusted for https remotes, instead of the system's."),
  "head-marker": maybeText(
    "a path to a folder",
    "Where the newest signed heads are noted outside the store, so that a restored backup is noticed. " +
      "Relative paths start at the configuration's folder. Default: `heads` beside the configuration that is looked for without --config; " +
      "then what lies in `$XDG_CONFIG_HOME/trustix/heads`, `~/.config/trustix/heads` and `/etc/trustix/heads` is read too, as far as it may be, " +
      "and stops the log in the same way. With a folder named here, that one alone is read.",
    { danger: "On the disk of the state folder it is restored with it, and notices nothing." },
  ),
  deciders: about(z.unknown().optional(), {
    wanted: 'nothing; rules stand under [[decider."PROTOCOL"]]',
    description: "Accepted and ignored with a warning: an older NixOS module writes it.",
  }),
});

/** A file's content after validation, defaults filled in; names and paths not yet looked up. */
export type ConfigFile = z.output<typeof configSchema>;
