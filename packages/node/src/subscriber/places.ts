/** Where one log can be asked: the state of each remote for it, since when, and which to ask first. */
import type { Clock, NoHead, Reachability } from "../model.ts";
import type { Remote } from "./remote.ts";

export class Places {
  readonly #remotes: readonly Remote[];
  readonly #clock: Clock;
  readonly #states = new Map<Remote, Reachability>();
  /** Remotes whose last answer was a head that does not check. */
  readonly #wrong = new Set<Remote>();
  /** Where the held head, or the last equal one, came from. */
  source: Remote | undefined;

  constructor(remotes: readonly Remote[], clock: Clock) {
    this.#remotes = remotes;
    this.#clock = clock;
  }

  stateOf(remote: Remote): Reachability {
    return this.#states.get(remote) ?? { state: "unknown" };
  }

  /**
   * Notes how it went; `since` stays while the state does. `isWrong`: what it showed does not check. True if there is
   * anything new.
   */
  note(remote: Remote, state: "reachable" | "unreachable" | "refused", why: string, isWrong = false): boolean {
    if (isWrong) this.#wrong.add(remote);
    else this.#wrong.delete(remote);
    const before = this.stateOf(remote);
    if (before.state === state && (!("why" in before) || before.why === why)) return false;
    const since = before.state === state ? before.since : this.#clock.now();
    this.#states.set(remote, state === "reachable" ? { state, since } : { state, since, why });
    return true;
  }

  /** The source, then those that answered last time, then the rest. */
  bestFirst(): Remote[] {
    const rank = (remote: Remote): number => {
      if (remote === this.source) return 0;
      const { state } = this.stateOf(remote);
      return state === "reachable" ? 1 : state === "unknown" ? 2 : 3;
    };
    return [...this.#remotes].sort((a, b) => rank(a) - rank(b));
  }

  /** Without the remotes that answered and have no head of this log for us, unless there are no others. */
  worthAsking(): Remote[] {
    const all = this.bestFirst();
    const having = all.filter((remote) => remote === this.source || this.stateOf(remote).state !== "refused");
    return having.length > 0 ? having : all;
  }

  /** For a log of which no head was ever had: the reasons of the remotes whose heads do not check, or of all. */
  whyNoHead(): NoHead {
    if (this.#remotes.length === 0) return { outcome: "unreachable", why: "no remotes are configured" };
    if (this.#wrong.size > 0) return { outcome: "unverifiable", why: this.#reasonsOf([...this.#wrong]) };
    return { outcome: "unreachable", why: this.#reasonsOf(this.#remotes) || "no head of it was seen yet" };
  }

  #reasonsOf(remotes: readonly Remote[]): string {
    const reasons = remotes.flatMap((remote) => {
      const state = this.stateOf(remote);
      return "why" in state ? [`${remote.url}: ${state.why}`] : [];
    });
    return reasons.join("; ");
  }
}
