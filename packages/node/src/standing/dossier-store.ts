/**
 * What is kept of voters beside their claims: what the user said of them, that they were excluded for dissent, and second
 * answers. Nothing is ever removed: it is the record of why a voter stands as it does.
 */
import { fromHex } from "@trustix/crypto";
import { type Dossier, type EarlierExclusion, type Override, pardonOf, type SecondAnswer } from "@trustix/decider";
import type { Hash, LogId } from "@trustix/protocol";
import type { Store } from "@trustix/storage";
import { NodeError } from "../errors.ts";
import { dossierRecords, exclusionKey, numberOf, overrideKey, secondAnswerKey } from "../logs/keys.ts";
import { decodeExclusion, decodeOverride, decodeSecondAnswer, encodeDossier } from "./dossier-records.ts";

export const MAX_REASON = 500;
const MAX_OVERRIDES = 10_000;
/** A voter that gives more second answers than this is excluded for them long before. */
const MAX_SECOND_ANSWERS = 20_000;

export class DossierStore {
  readonly #store: Store;
  readonly #overrides: Override[] = [];
  readonly #exclusions = new Map<LogId, EarlierExclusion>();
  readonly #secondAnswers = new Map<string, SecondAnswer>();
  #next = 0;
  /** Overrides have numbers, so they are written one after the other. */
  #lastOverride: Promise<void> = Promise.resolve();

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Throws `corrupt`. */
  static async open(store: Store): Promise<DossierStore> {
    const dossier = new DossierStore(store);
    const { overrides, exclusions, secondAnswers } = dossierRecords();
    for await (const [key, value] of store.range(overrides.from, overrides.to)) {
      dossier.#overrides.push(decodeOverride(value, key));
      dossier.#next = numberOf(key) + 1;
    }
    for await (const [key, value] of store.range(exclusions.from, exclusions.to)) {
      const exclusion = decodeExclusion(value, key);
      dossier.#exclusions.set(exclusion.voter, exclusion);
    }
    for await (const [key, value] of store.range(secondAnswers.from, secondAnswers.to)) {
      const answer = decodeSecondAnswer(value, key);
      dossier.#secondAnswers.set(`${answer.voter} ${answer.key}`, answer);
    }
    return dossier;
  }

  /** What the user said, oldest first. */
  get overrides(): readonly Override[] {
    return this.#overrides;
  }

  /** Proof of before does not count, milliseconds since 1970. */
  pardonedUntil(voter: LogId): number | undefined {
    return pardonOf(this.#overrides, voter)?.at;
  }

  /** Everything but proofs, which lie with the evidence. */
  dossier(): Omit<Dossier, "proofs"> {
    return {
      overrides: [...this.#overrides],
      exclusions: [...this.#exclusions.values()],
      secondAnswers: [...this.#secondAnswers.values()],
    };
  }

  /** Resolves when it is durable. Throws `invalid_argument`, `too_large`. */
  addOverride(override: Override): Promise<void> {
    const done = this.#lastOverride.then(() => this.#addOverride(override));
    this.#lastOverride = done.catch(() => {});
    return done;
  }

  async #addOverride(override: Override): Promise<void> {
    const { reason } = override;
    if (reason.trim() === "")
      throw new NodeError("invalid_argument", "a reason is wanted: it is what others will read");
    if (reason.length > MAX_REASON)
      throw new NodeError("too_large", `a reason of ${reason.length} characters came, at most ${MAX_REASON} wanted`);
    if (this.#overrides.length >= MAX_OVERRIDES)
      throw new NodeError("too_large", `${MAX_OVERRIDES} pardons and exclusions are kept, there is no room for more`);
    await this.#store.write([[overrideKey(this.#next), encodeDossier(override)]]);
    this.#next++;
    this.#overrides.push(override);
  }

  async addExclusion(exclusion: EarlierExclusion): Promise<void> {
    await this.#store.write([[exclusionKey(fromHex(exclusion.voter)), encodeDossier(exclusion)]]);
    this.#exclusions.set(exclusion.voter, exclusion);
  }

  /** The first for a voter and key is kept. False: it was there, or there are too many. `path`: H(key). */
  async addSecondAnswer(answer: SecondAnswer, path: Hash): Promise<boolean> {
    const name = `${answer.voter} ${answer.key}`;
    if (this.#secondAnswers.has(name) || this.#secondAnswers.size >= MAX_SECOND_ANSWERS) return false;
    await this.#store.write([[secondAnswerKey(fromHex(answer.voter), path), encodeDossier(answer)]]);
    this.#secondAnswers.set(name, answer);
    return true;
  }
}
