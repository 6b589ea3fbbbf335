/**
 * An audit: what is installed of a closure, held against what the voters say. Each path ends as exactly one finding.
 */
import type { StorePath } from "@trustix/nix-formats";
import type { Hash, NixValue, Vote, VoteOutcome } from "@trustix/protocol";

/** The worst first. */
export const FINDINGS = [
  "dissent",
  "no-claim",
  "single-source",
  "undecided",
  "own-build",
  "content-addressed",
  "agreed",
] as const;
export type Finding = (typeof FINDINGS)[number];

/** What nobody has to look at. */
export const FINE_FINDINGS: readonly Finding[] = ["own-build", "content-addressed", "agreed"];

interface FindingText {
  readonly title: string;
  readonly meaning: string;
  /** What to do about it; there for what is not fine. */
  readonly advice?: string;
}

export const FINDING_TEXTS: Readonly<Record<Finding, FindingText>> = {
  dissent: {
    title: "dissent",
    meaning: "What is installed is not what was decided, or the voters contradict it or each other.",
    advice:
      "`trustix why PATH` shows who claims what. If the others agree with each other, delete the path and let Nix install it " +
      "again through the proxy; if each says something else, the package does not reproduce.",
  },
  "no-claim": {
    title: "no claim",
    meaning: "No voter says what comes out.",
    advice: "Only the key that signed it stands for it. Build it yourself, or ask a builder to.",
  },
  "single-source": {
    title: "single source",
    meaning: "Only one operator claims it, and that is not enough.",
    advice: "One more builder would settle it. `nix build --rebuild` compares it with a build of your own.",
  },
  undecided: {
    title: "undecided",
    meaning: "Not enough voters agree, or some of them could not be asked.",
    advice: "`trustix status` and `trustix doctor` say who could not be asked. Audit again when they can be.",
  },
  "own-build": { title: "own build", meaning: "Built on this machine; nothing was decided against it." },
  "content-addressed": {
    title: "named by content",
    meaning: "Its name is the address of its content: it needs no vote.",
  },
  agreed: { title: "agreed", meaning: "Installed is what was decided." },
};

export interface AuditVoter {
  readonly id: string;
  readonly name: string;
  readonly operator: string | undefined;
}

/** What the node says of one path. */
export interface PathVerdict {
  /** `undefined`: undecided. */
  readonly decided: { readonly digest: Hash; readonly confidence: number } | undefined;
  /** One sentence: which rule decided, or why none did. */
  readonly reason: string;
  /** One for each voter, as it counted; claims of the same facts have one digest. */
  readonly votes: readonly Vote[];
  /** Canonical values by the hex of their digests, those that could be had. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

export interface AuditedPath {
  readonly path: StorePath;
  readonly finding: Finding;
  /** One sentence. */
  readonly why: string;
  readonly installed: InstalledPath;
  readonly decided: (AuditClaim & { readonly confidence: number }) | undefined;
  /** One for each voter, in the order of the audit's. */
  readonly votes: readonly AuditVote[];
}

/** Undecided, and perhaps only because somebody could not be asked: an outage, and no verdict. */
export function isUnheard({ finding, votes }: AuditedPath): boolean {
  return finding === "undecided" && votes.some(({ outcome }) => outcome === "unreachable" || outcome === "stale");
}

/** The sentence that is said of every one of several paths; `undefined`: they differ. */
export function sharedWhy(paths: readonly AuditedPath[]): string | undefined {
  const [first, ...others] = paths;
  return others.length > 0 && others.every(({ why }) => why === first!.why) ? first!.why : undefined;
}

export interface InstalledPath {
  readonly facts: NixValue;
  /** By Nix's own record, on this machine. */
  readonly builtHere: boolean;
  /** The content address, as narinfo writes it; whether or not it was enough. */
  readonly contentAddress: string | undefined;
  /** Names of the keys whose signatures Nix keeps with it. They were not checked. */
  readonly signedBy: readonly string[];
}

export interface AuditClaim {
  /** Hex. */
  readonly digest: string;
  /** `undefined`: the value could not be had, or states no facts. */
  readonly facts: NixValue | undefined;
}

export interface AuditVote {
  readonly outcome: VoteOutcome;
  readonly reason: string;
  readonly claim: AuditClaim | undefined;
  /** Whether the claim is what is installed; `undefined`: it claims nothing, or its value could not be had. */
  readonly same: boolean | undefined;
}

export interface VoterFigures extends AuditVoter {
  readonly claims: number;
  /** Of the claims, those that are not what was decided or, where nothing was, not what is installed. */
  readonly differing: number;
  /** Paths for which it could not be asked, or did not count. */
  readonly silent: number;
}

export interface Audit {
  /** What was asked for. */
  readonly roots: readonly string[];
  /** As `nix --store` takes it; `undefined`: the machine's. */
  readonly store: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The worst first, then by name. */
  readonly paths: readonly AuditedPath[];
  readonly counts: Readonly<Record<Finding, number>>;
  readonly voters: readonly VoterFigures[];
}
