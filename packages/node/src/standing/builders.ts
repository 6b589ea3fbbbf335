/**
 * The standing of every configured voter, kept up to date: proofs and the user's word at once, dissent by going through
 * all claims again whenever there are new ones. What it comes to is a pure function of what is stored (packages/decider),
 * so it can be made anew at any time; only that a voter was excluded for dissent is remembered, until it is pardoned.
 */
import type { Crypto } from "@trustix/crypto";
import {
  type Dossier,
  type Override,
  type PackageFigures,
  type Policy,
  type Proof,
  type Standing,
  type StandingBounds,
  standingsOf,
  Tally,
} from "@trustix/decider";
import type { LogId, LogLeaf } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import type { ScannedVoter } from "../claims/scan-claims.ts";
import { NodeError } from "../errors.ts";
import type { Builders, Clock, LogReader, Values } from "../model.ts";
import { countClaims } from "./count-claims.ts";
import type { DossierStore } from "./dossier-store.ts";

export interface BuildersOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly dossier: DossierStore;
  readonly policies: readonly Policy[];
  readonly bounds: StandingBounds;
  /** Voters whose claims lie in the claims table, by serial. */
  readonly voters: ReadonlyMap<number, ScannedVoter>;
  readonly own: readonly LogReader[];
  readonly values: Values;
  readonly entry: (logId: LogId, index: number) => Promise<LogLeaf | undefined>;
  /** What was proved, of any voter. */
  readonly proofs: () => readonly Proof[];
  /** Told of every standing that changed. */
  readonly onChange?: ((standing: Standing, name: string) => void) | undefined;
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** A pass is begun so long after the change that calls for it, and takes at most this part of the time. */
const SOON_MS = 200;
const SHARE_OF_TIME = 20;

export class StandingBuilders implements Builders {
  readonly #options: BuildersOptions;
  readonly #closing = new AbortController();
  #standings: ReadonlyMap<LogId, Standing>;
  #packages: ReadonlyMap<string, readonly PackageFigures[]> = new Map();
  #revision = 0;
  #counting: Promise<void> | undefined;
  #again = false;
  #timer: { cancel(): void } | undefined;
  #restUntil = 0;

  /** From what is remembered: who was excluded is so from the start. */
  constructor(options: BuildersOptions) {
    this.#options = options;
    this.#standings = this.#judged(options.policies.map((policy) => this.#tally(policy)));
  }

  revision(): number {
    return this.#revision;
  }

  standings(): readonly Standing[] {
    return [...this.#standings.values()];
  }

  excluded(logId: LogId): string | undefined {
    const standing = this.#standings.get(logId);
    return standing?.standing === "excluded" ? standing.reasons[0] : undefined;
  }

  overrides(): readonly Override[] {
    return this.#options.dossier.overrides;
  }

  packages(protocolId: string): readonly PackageFigures[] {
    return this.#packages.get(protocolId) ?? [];
  }

  async override(override: Omit<Override, "at">): Promise<Standing> {
    if (!this.#standings.has(override.voter))
      throw new NodeError("not_found", `voter ${override.voter} is not configured`);
    await this.#options.dossier.addOverride({ ...override, at: this.#options.clock.now() });
    await this.count();
    return this.#standings.get(override.voter)!;
  }

  async addSecondAnswer(voter: LogId, key: string, path: Uint8Array): Promise<void> {
    if (await this.#options.dossier.addSecondAnswer({ voter, key, at: this.#options.clock.now() }, path))
      this.changed();
  }

  changed(): void {
    if (this.#closing.signal.aborted || this.#timer !== undefined) return;
    const { clock } = this.#options;
    const wait = Math.max(SOON_MS, this.#restUntil - clock.now());
    this.#timer = clock.after(wait, () => {
      this.#timer = undefined;
      void this.count().catch((error: unknown) => this.#options.onFault?.(error));
    });
  }

  /** One pass over all claims, begun after the call. */
  async count(): Promise<void> {
    if (this.#counting !== undefined) {
      this.#again = true;
      return this.#counting;
    }
    this.#counting = this.#countAll().finally(() => (this.#counting = undefined));
    return this.#counting;
  }

  async close(): Promise<void> {
    this.#closing.abort(new NodeError("unavailable", "the node ends"));
    this.#timer?.cancel();
    await this.#counting?.catch(() => {});
  }

  async #countAll(): Promise<void> {
    const { clock, policies } = this.#options;
    do {
      this.#again = false;
      const begun = clock.now();
      const tallies = policies.map((policy) => this.#tally(policy));
      for (const [i, policy] of policies.entries()) await this.#count(tallies[i]!, policy);
      const standings = this.#judged(tallies);
      await this.#remember(standings);
      this.#packages = new Map(policies.map(({ protocol }, i) => [protocol.id, [...tallies[i]!.packages()]]));
      this.#take(standings);
      this.#restUntil = clock.now() + SHARE_OF_TIME * (clock.now() - begun);
    } while (this.#again && !this.#closing.signal.aborted);
  }

  async #count(tally: Tally, { protocol, voters }: Policy): Promise<void> {
    const { crypto, store, values, entry, own } = this.#options;
    const ids = new Set(voters.map(({ logId }) => logId));
    const scanned = new Map([...this.#options.voters].filter(([, { logId }]) => ids.has(logId)));
    const readers = own.filter(({ info }) => ids.has(info.id));
    const scan = { reads: store, voters: scanned, own: readers };
    await countClaims(tally, { crypto, scan, protocol, values, entry, signal: this.#closing.signal });
  }

  #tally({ voters }: Policy): Tally {
    const { bounds, clock } = this.#options;
    return new Tally({ voters, dossier: this.#whole(), bounds, now: clock.now() });
  }

  #judged(tallies: readonly Tally[]): ReadonlyMap<LogId, Standing> {
    const { bounds, clock } = this.#options;
    const [dossier, now] = [this.#whole(), clock.now()];
    const all = tallies.flatMap((tally) => standingsOf({ figures: tally.figures(), dossier, bounds, now }));
    return new Map(all.map((standing) => [standing.logId, standing]));
  }

  #whole(): Dossier {
    return { ...this.#options.dossier.dossier(), proofs: this.#options.proofs() };
  }

  /** An exclusion for dissent stays, whatever is claimed afterwards. */
  async #remember(standings: ReadonlyMap<LogId, Standing>): Promise<void> {
    const now = this.#options.clock.now();
    for (const { logId, standing, cause, since, reasons } of standings.values()) {
      const isNew = this.#standings.get(logId)?.standing !== "excluded";
      if (standing === "excluded" && cause === "dissent" && isNew)
        await this.#options.dossier.addExclusion({ voter: logId, at: since ?? now, reason: reasons[0]! });
    }
  }

  #take(standings: ReadonlyMap<LogId, Standing>): void {
    const before = this.#standings;
    this.#standings = standings;
    const names = new Map(this.#options.policies.flatMap(({ voters }) => voters.map((one) => [one.logId, one.name])));
    for (const standing of standings.values()) {
      if (before.get(standing.logId)?.standing === standing.standing) continue;
      this.#revision++;
      this.#options.onChange?.(standing, names.get(standing.logId) ?? standing.logId);
    }
  }
}
