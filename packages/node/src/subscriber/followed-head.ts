/**
 * The head that is held of one followed log, and the judge of the heads that come.
 *
 * The heads of one round are judged together, rounds one after the other. The largest is held once it is shown to be one
 * history with the held one and with every other head that was seen and is not yet connected; it is stored first. So
 * what is held does not depend on which of several answers was quicker. Two signed heads that contradict each other are
 * kept as evidence, the held head stays, and nothing more is taken from that log: its key signs lies.
 *
 * Heads that peers saw are judged by the same proofs, asked of the log's own remotes, but are never held. One that is
 * behind a head to be taken must fit it; one that is ahead holds nothing up, since nobody here can prove it yet.
 */
import type { Evidence } from "@trustix/client";
import { describeEvidence, headsContradict, sameHead } from "@trustix/client";
import type { LogClient } from "@trustix/client";
import type { LogHead, LogInfo } from "@trustix/protocol";
import type { Clock, Conviction, Kept } from "../model.ts";
import { Connections, gravest, idOf } from "./connect-heads.ts";
import type { ProofOptions, ShownHead, Unconnected } from "./connect-heads.ts";
import type { RememberedHead, RememberedLogs } from "./remembered-logs.ts";

export type Verdict =
  /** Now held. */
  | { readonly kind: "taken" }
  /** The one that is held. */
  | { readonly kind: "held" }
  /** An older form of the held one. */
  | { readonly kind: "behind" }
  /** Signed, and not shown to fit. `ownSilence`: its own remote could not be reached for the proof. */
  | {
      readonly kind: "unproved";
      readonly why: string;
      readonly cause: Unconnected["cause"];
      readonly ownSilence: boolean;
    }
  /** Proof that the log's key signed two things that exclude each other. */
  | { readonly kind: "contradiction"; readonly why: string };

/** What becomes of a head that a peer saw. */
export type HeardVerdict =
  | { readonly kind: "fits" }
  /** Larger than the held one, or none is held: it is remembered. */
  | { readonly kind: "ahead" }
  | { readonly kind: "unproved"; readonly why: string; readonly cause: Unconnected["cause"] }
  | { readonly kind: "contradiction"; readonly why: string };

/** Smaller heads that were found to fit, or were held once, are not proved again at each poll. */
const KNOWN_OLDER = 64;
/** Heads waiting to be connected, shown and heard of; each costs proofs in every round. */
const MAX_LOOSE = 16;
/** Told to a peer of one log. */
const MAX_TOLD = 16;

export interface FollowedHeadOptions {
  readonly memory: RememberedLogs;
  /** Keeps proof against the log. Resolves with the time when it, or proof of the same, was first kept. */
  readonly keep: (evidence: Evidence) => Promise<Pick<Kept, "time">>;
  /** Until when proof is forgiven. */
  readonly pardonedUntil: () => number | undefined;
  readonly clock: Clock;
  /** Called whenever votes may come out differently from now on. */
  readonly changed: () => void;
}

/** What was known of the log before. */
interface Known {
  readonly held: RememberedHead | undefined;
  readonly proofs: readonly Proof[];
}

/** Kept proof against the log. */
export interface Proof {
  readonly evidence: Evidence;
  /** Milliseconds since 1970 when it was kept. */
  readonly time: number;
}

interface KnownProof extends Conviction {
  /** Of heads that contradict each other: `idOf` both. */
  readonly heads: ReadonlySet<string>;
}

export class FollowedHead {
  readonly info: LogInfo;
  readonly #options: FollowedHeadOptions;
  readonly #olderForms = new Set<string>();
  /** Seen, validly signed, and not yet connected with what is held. */
  readonly #loose = new Map<string, LogHead>();
  /** Seen by peers, validly signed, and not shown to fit what is held. */
  readonly #heard = new Map<string, LogHead>();
  #held: LogHead | undefined;
  #unsettled: string | undefined;
  #seenAt: number | undefined;
  readonly #proofs: KnownProof[];
  #queue: Promise<unknown> = Promise.resolve();

  constructor(info: LogInfo, known: Known, options: FollowedHeadOptions) {
    this.info = info;
    this.#options = options;
    this.#held = known.held?.head;
    this.#seenAt = known.held?.time;
    this.#proofs = known.proofs.map(proofOf).sort((a, b) => a.time - b.time);
  }

  get held(): LogHead | undefined {
    return this.#held;
  }

  /** When a head equal to or newer than the held one last came. */
  get seenAt(): number | undefined {
    return this.#seenAt;
  }

  /** Why nothing is taken from this log any more; `undefined` while it is trusted to keep one history, or pardoned. */
  get against(): Conviction | undefined {
    return this.#proofs.find((proof) => !this.#isPardoned(proof));
  }

  /** For peers: the held head, then those that are not shown to fit, newest first. All are signed by the log's key. */
  get seen(): LogHead[] {
    const open = [...this.#loose.values(), ...this.#heard.values()];
    open.sort((a, b) => b.treeSize - a.treeSize);
    return [...(this.#held === undefined ? [] : [this.#held]), ...open].slice(0, MAX_TOLD);
  }

  /** Why no head can be held although valid ones came; `undefined` while one is held or none came. */
  get unsettled(): string | undefined {
    return this.#held === undefined ? this.#unsettled : undefined;
  }

  /**
   * Judges the heads of one round; verdicts come in their order. `others` are remotes that showed none: they may prove
   * what those that did cannot, as a replica that lags cannot prove how the log went on.
   */
  judge(shown: readonly ShownHead[], others: readonly LogClient[], options: ProofOptions): Promise<Verdict[]> {
    const verdicts = this.#queue.then(() => this.#judge(shown, new Connections(shown, others, options)));
    this.#queue = verdicts.catch(() => undefined);
    return verdicts;
  }

  /**
   * Judges heads that peers saw; verdicts come in their order. `source` showed the held head and owes the proof of how it
   * grew; `others` may know as well.
   */
  hear(
    heads: readonly LogHead[],
    source: LogClient | undefined,
    others: readonly LogClient[],
    options: ProofOptions,
  ): Promise<HeardVerdict[]> {
    const verdicts = this.#queue.then(async () => {
      const shown = source === undefined || this.#held === undefined ? [] : [{ head: this.#held, from: source }];
      const round = new Connections(shown, others, options);
      const all: HeardVerdict[] = [];
      for (const head of heads) all.push(await this.#verdictOnHeard(head, round));
      return all;
    });
    this.#queue = verdicts.catch(() => undefined);
    return verdicts;
  }

  /** Keeps proof that was checked; from then on nothing counts that the log says, unless that was forgiven before. */
  async convict(evidence: Evidence): Promise<void> {
    if (this.against !== undefined) return;
    const { time } = await this.#options.keep(evidence);
    this.accuse({ evidence, time });
  }

  /** Proof is kept. */
  accuse(proof: Proof): void {
    const known = proofOf(proof);
    if (this.against !== undefined || this.#isPardoned(known)) return;
    this.#proofs.push(known);
    this.#options.changed();
  }

  #isPardoned({ time }: Conviction): boolean {
    return time <= (this.#options.pardonedUntil() ?? -Infinity);
  }

  /** Whether a head is part of proof that was pardoned: if it is of the other history, that is known. */
  #isForgiven(id: string): boolean {
    return this.#proofs.some((proof) => proof.heads.has(id) && this.#isPardoned(proof));
  }

  /** Whether it is known already what a head is: an older form of the held one, or of a history that was forgiven. */
  #isSettled(id: string): boolean {
    return this.#olderForms.has(id) || this.#isForgiven(id);
  }

  async #judge(shown: readonly ShownHead[], round: Connections): Promise<Verdict[]> {
    const refused = new Map<string, Unconnected>();
    let taken = this.against === undefined && (await this.#takeLargest(shown, round, refused));
    const verdicts: Verdict[] = [];
    for (const one of shown) {
      if (this.against !== undefined) break;
      const verdict = await this.#verdictOn(one, round, refused);
      verdicts.push(taken && verdict.kind === "held" ? { kind: "taken" } : verdict);
      if (verdict.kind === "held") taken = false;
    }
    const { against } = this;
    if (against !== undefined) return shown.map(() => ({ kind: "contradiction", why: against.why }));
    this.#unsettled = verdicts.find(isRefusal)?.why ?? this.#unsettled;
    return verdicts;
  }

  /** Holds the largest head that fits all others, if any does; names in `refused` those that do not. */
  async #takeLargest(
    shown: readonly ShownHead[],
    round: Connections,
    refused: Map<string, Unconnected>,
  ): Promise<boolean> {
    const held = this.#held;
    const heads = new Map(shown.map(({ head }) => [idOf(head), head]));
    const rivals = [...new Map([...this.#loose, ...heads])].filter(([id]) => !this.#isSettled(id));
    const allHeard = [...this.#heard].filter(([id]) => !this.#isSettled(id));
    const candidates = rivals.filter(
      ([id, head]) => heads.has(id) && (held === undefined || head.treeSize > held.treeSize),
    );
    for (const [id, head] of candidates.sort(([, a], [, b]) => b.treeSize - a.treeSize)) {
      const heard = allHeard.filter(([other, { treeSize }]) => other !== id && treeSize <= head.treeSize);
      const others = [...rivals, ...heard].flatMap(([other, rival]) => (other === id ? [] : rival));
      const links = await Promise.all([held, ...others].map((other) => round.connect(other, head)));
      const lie =
        links.find((link) => link.kind === "contradiction")?.evidence ??
        this.#lieBetween(
          head,
          allHeard.map(([, other]) => other),
        );
      if (lie !== undefined) {
        await this.convict(lie);
        return false;
      }
      const open = gravest(links.filter((link) => link.kind === "unconnected"));
      if (open === undefined) {
        await this.#take(head);
        for (const other of others) if (other.treeSize < head.treeSize) this.#rememberOlder(other);
        this.#loose.clear();
        for (const [other] of [...heard, [id] as const]) this.#heard.delete(other);
        return true;
      }
      refused.set(id, open);
    }
    return false;
  }

  async #verdictOnHeard(head: LogHead, round: Connections): Promise<HeardVerdict> {
    if (this.against !== undefined) return { kind: "contradiction", why: this.against.why };
    const held = this.#held;
    const id = idOf(head);
    if ((held !== undefined && sameHead(held, head)) || this.#isSettled(id)) return { kind: "fits" };
    const open = [...this.#loose, ...this.#heard]
      .filter(([other]) => !this.#isSettled(other))
      .map(([, other]) => other);
    const evident = this.#lieBetween(head, held === undefined ? open : [held, ...open]);
    const link = held === undefined || evident !== undefined ? undefined : await round.connect(held, head);
    const lie = evident ?? (link?.kind === "contradiction" ? link.evidence : undefined);
    if (lie !== undefined) {
      await this.convict(lie);
      return { kind: "contradiction", why: describeEvidence(lie) };
    }
    if (held === undefined || head.treeSize > held.treeSize) {
      this.#rememberHeard(id, head);
      return { kind: "ahead" };
    }
    if (link?.kind !== "unconnected") {
      this.#rememberOlder(head);
      this.#heard.delete(id);
      return { kind: "fits" };
    }
    this.#rememberHeard(id, head);
    const sizes = `a head of size ${head.treeSize} that a peer saw is not shown to fit the held ${held.treeSize}`;
    return { kind: "unproved", cause: link.cause, why: `${sizes}: ${at(link)}${link.why}` };
  }

  #rememberHeard(id: string, head: LogHead): void {
    this.#heard.delete(id);
    if (this.#heard.size >= MAX_LOOSE) this.#heard.delete(this.#heard.keys().next().value!);
    this.#heard.set(id, head);
  }

  /** What the head and one of the others show by themselves, without anybody's help. */
  #lieBetween(head: LogHead, others: readonly LogHead[]): Evidence | undefined {
    for (const other of others) {
      const lie = headsContradict(other, head);
      if (lie !== undefined) return { publicKey: this.info.publicKey, ...lie };
    }
    return undefined;
  }

  async #verdictOn(
    { head, from }: ShownHead,
    round: Connections,
    refused: ReadonlyMap<string, Unconnected>,
  ): Promise<Verdict> {
    const held = this.#held;
    if (held !== undefined && sameHead(held, head)) {
      this.#seenAt = this.#options.clock.now();
      return { kind: "held" };
    }
    const id = idOf(head);
    if (this.#olderForms.has(id)) return { kind: "behind" };
    const link = refused.get(id) ?? (await round.connect(held, head));
    switch (link.kind) {
      case "contradiction":
        if (!this.#isForgiven(id)) await this.convict(link.evidence);
        return { kind: "contradiction", why: link.why };
      case "consistent":
        this.#rememberOlder(head);
        this.#loose.delete(id);
        return { kind: "behind" };
      case "unconnected":
        if (this.#loose.size >= MAX_LOOSE) this.#loose.delete(this.#loose.keys().next().value!);
        this.#loose.set(id, head);
        return {
          kind: "unproved",
          cause: link.cause,
          ownSilence: link.cause === "silent" && link.at === from,
          why: explain(head, from, link, held),
        };
    }
  }

  async #take(head: LogHead): Promise<void> {
    const now = this.#options.clock.now();
    await this.#options.memory.keepHead(this.info, head, now);
    if (this.#held !== undefined) this.#rememberOlder(this.#held);
    this.#held = head;
    this.#seenAt = now;
    this.#options.changed();
  }

  #rememberOlder(head: LogHead): void {
    if (this.#olderForms.size >= KNOWN_OLDER) this.#olderForms.clear();
    this.#olderForms.add(idOf(head));
  }
}

function proofOf({ evidence, time }: Proof): KnownProof {
  const isOfHeads = "first" in evidence && "second" in evidence;
  const heads = isOfHeads ? [idOf(evidence.first), idOf(evidence.second)] : [];
  return { why: describeEvidence(evidence), time, heads: new Set(heads) };
}

function isRefusal(verdict: Verdict): verdict is Extract<Verdict, { kind: "unproved" }> {
  return verdict.kind === "unproved" && verdict.cause === "refused";
}

function at({ at: place }: Unconnected): string {
  return place === undefined ? "" : `${place.url}: `;
}

/** What stands between this head and the others, for a person. */
function explain(head: LogHead, from: LogClient, link: Unconnected, held: LogHead | undefined): string {
  const answer = link.at === undefined || link.at === from ? link.why : `${link.at.url}: ${link.why}`;
  if (held !== undefined && head.treeSize < held.treeSize) {
    return `its head of size ${head.treeSize} is behind the held ${held.treeSize}, and not shown to fit: ${answer}`;
  }
  if (link.from === undefined || link.from === held) return answer;
  const sizes = `heads of sizes ${link.from.treeSize} and ${link.to.treeSize}`;
  return `the log signed ${sizes}, and they are not shown to be one history: ${answer}`;
}
