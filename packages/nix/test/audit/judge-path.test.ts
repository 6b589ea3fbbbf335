/** What becomes of one path: a table of what is installed, decided and claimed. */
import {
  contentPath,
  formatNix32Hash,
  makeStorePath,
  nameOf,
  parseHash,
  type ContentAddress,
  type ValidPathInfo,
} from "@trustix/nix-formats";
import { describe, expect, test } from "vitest";
import { judgePath } from "../../src/audit/judge-path.ts";
import type { Finding } from "../../src/audit/model.ts";
import { crypto, infoOf, verdictOf, VOTERS, type Says } from "./audited.ts";

const HASH = parseHash(formatNix32Hash({ algorithm: "sha256", digest: new Uint8Array(32).fill(1) }));

/** A path named by its content; its NAR has the hash of `infoOf`. */
function byContent(ca: ContentAddress, more: Partial<ValidPathInfo> = {}): ValidPathInfo {
  const storePath = contentPath(crypto, ca, more.references ?? [], "source")!;
  return infoOf({ storePath, ca, ...more });
}
const recursive = byContent({ method: "nar", hash: HASH });
const flat = byContent({ method: "flat", hash: HASH });
const misnamed = infoOf({ ca: { method: "nar", hash: HASH } });
const own = infoOf({ ultimate: true });
const copied = infoOf();

interface Row {
  readonly what: string;
  readonly info: ValidPathInfo;
  readonly says: readonly Says[];
  readonly decided?: Says;
  readonly finding: Finding;
  readonly why: RegExp;
}

const ROWS: readonly Row[] = [
  {
    what: "installed is decided",
    info: copied,
    says: ["same", "same", "same", 9],
    decided: "same",
    finding: "agreed",
    why: /^so it is$/,
  },
  { what: "an own build is decided", info: own, says: ["same"], decided: "same", finding: "agreed", why: /so it is/ },
  {
    what: "a path named by content is decided",
    info: recursive,
    says: ["same"],
    decided: "same",
    finding: "agreed",
    why: /so it is/,
  },
  {
    what: "something else is decided",
    info: copied,
    says: [9, 9, 9, "same"],
    decided: 9,
    finding: "dissent",
    why: /^decided is sha256-CQkJ[^,]*, installed sha256-AQEB[^ ]* \(so it is\)$/,
  },
  {
    what: "other references are decided",
    info: copied,
    says: ["other references"],
    decided: "other references",
    finding: "dissent",
    why: /the same content with other references/,
  },
  {
    what: "another size is decided",
    info: copied,
    says: ["other size"],
    decided: "other size",
    finding: "dissent",
    why: /decided is 666 bytes, installed 120/,
  },
  {
    what: "facts of another path are decided",
    info: copied,
    says: ["another path"],
    decided: "another path",
    finding: "dissent",
    why: /what is said of .*glibc/,
  },
  {
    what: "something else than an own build is decided",
    info: own,
    says: [9, 9],
    decided: 9,
    finding: "dissent",
    why: /^built here, but decided is/,
  },
  {
    what: "something else than what a NAR hash in the name allows",
    info: recursive,
    says: [9, 9],
    decided: 9,
    finding: "content-addressed",
    why: /address of its content.*; decided is sha256-CQkJ/,
  },
  {
    what: "something else than a file named by its hash, which the NAR hash does not show",
    info: flat,
    says: [9, 9],
    decided: 9,
    finding: "dissent",
    why: /decided is/,
  },
  {
    what: "a tree named by its content, nobody claims it",
    info: recursive,
    says: ["absent"],
    finding: "content-addressed",
    why: /^its name is the address of its content, fixed:r:sha256:/,
  },
  {
    what: "a file named by its content",
    info: flat,
    says: ["absent"],
    finding: "content-addressed",
    why: /fixed:sha256:/,
  },
  {
    what: "a content address that does not give this name",
    info: misnamed,
    says: ["absent"],
    finding: "no-claim",
    why: /so it is/,
  },
  {
    what: "an own build that nobody claims",
    info: own,
    says: ["absent", "unreachable"],
    finding: "own-build",
    why: /^built here; so it is$/,
  },
  {
    what: "an own build that others dispute",
    info: own,
    says: ["same", "absent", 9, 8],
    finding: "own-build",
    why: /^built here; mercury claims the same; mars and saturn claim something else$/,
  },
  {
    what: "voters that contradict each other",
    info: copied,
    says: ["same", "same", 9, "absent"],
    finding: "dissent",
    why: /^mercury and venus claim the same; mars claims something else; so it is$/,
  },
  {
    what: "the only claim is another one",
    info: copied,
    says: ["absent", "absent", 9, "absent"],
    finding: "dissent",
    why: /^mars claims something else/,
  },
  {
    what: "one operator with two voters",
    info: copied,
    says: ["same", "same", "absent", "absent"],
    finding: "single-source",
    why: /^only mercury and venus claim it; so it is$/,
  },
  {
    what: "one operator, while another could not be asked",
    info: copied,
    says: ["same", "absent", "unreachable", "absent"],
    finding: "undecided",
    why: /^so it is$/,
  },
  {
    what: "two operators, who are not enough",
    info: copied,
    says: ["same", "absent", "same", "absent"],
    finding: "undecided",
    why: /so it is/,
  },
  {
    what: "a claim whose value could not be had",
    info: copied,
    says: ["unknown value", "absent"],
    finding: "undecided",
    why: /so it is/,
  },
  {
    what: "nobody claims anything",
    info: copied,
    says: ["absent", "absent", "excluded"],
    finding: "no-claim",
    why: /so it is/,
  },
  {
    what: "somebody could not be asked",
    info: copied,
    says: ["absent", "unreachable"],
    finding: "undecided",
    why: /so it is/,
  },
  {
    what: "somebody is too old to count",
    info: copied,
    says: ["absent", "stale"],
    finding: "undecided",
    why: /so it is/,
  },
  { what: "nobody votes", info: copied, says: [], finding: "no-claim", why: /so it is/ },
];

describe("a path is", () => {
  test.each(ROWS)("$finding: $what", ({ info, says, decided, finding, why }) => {
    const audited = judgePath(crypto, info, verdictOf(info, says, decided), VOTERS.slice(0, says.length));
    expect(audited.finding).toBe(finding);
    expect(audited.why).toMatch(why);
    expect(audited.votes.map(({ same }) => same)).toEqual(
      says.map((said) =>
        said === "same" ? true : typeof said === "number" || /other|another/.test(said) ? false : undefined,
      ),
    );
  });
});

test("a voter that the answer leaves out was not heard", () => {
  const { finding, votes } = judgePath(crypto, copied, verdictOf(copied, ["absent"]), VOTERS.slice(0, 2));
  expect([finding, votes[1]]).toEqual(["undecided", expect.objectContaining({ outcome: "unreachable" })]);
});

test("references in any order are the same facts", () => {
  const [a, b] = ["a", "b"].map((name) => makeStorePath(crypto, "source", new Uint8Array(32), name));
  const verdict = verdictOf(infoOf({ references: [a!, b!] }), ["same"], "same");
  expect(judgePath(crypto, infoOf({ references: [b!, a!] }), verdict, VOTERS).finding).toBe("agreed");
});

test("what Nix says of a path stands beside it: its signers' names once each, and its address", () => {
  const signature = new Uint8Array(64);
  const signatures = ["cache-1", "cache-1", "other-1"].map((name) => ({ name, signature }));
  const info = byContent({ method: "nar", hash: HASH }, { signatures, ultimate: true });
  const { installed } = judgePath(crypto, info, verdictOf(info, ["absent"]), VOTERS);
  expect(installed).toMatchObject({ builtHere: true, signedBy: ["cache-1", "other-1"] });
  expect(installed.contentAddress).toMatch(/^fixed:r:sha256:/);
  expect(nameOf(info.storePath)).toBe("source");
});
