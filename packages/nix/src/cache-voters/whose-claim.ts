/**
 * Whose claim a signed narinfo is, when several voters signed it. Whoever signs what another voter has signed may have
 * copied it, so one narinfo never makes two votes; and whoever signed first is never lost.
 *
 * | narinfos with the same facts, by who signed them         | claim  |
 * |-----------------------------------------------------------|--------|
 * | at A: A; at B: B                                          | A, B   |
 * | at A: A and B; at B: B                                    | B      |
 * | at A: A and B; B is down                                  | B      |
 * | at A: A and B; at B: A and B                              | A or B, the smaller id |
 * | at A: A and B; at B: B and C; C is down                   | C      |
 * | at A: A, B and C; B and C are down                        | B or C, the smaller id |
 * | at C: A and C; at A: A and B; at B: B                     | B      |
 *
 * A function of the set of narinfos: their order, repetitions and the order of the configuration change nothing.
 */
import type { LogId } from "@trustix/protocol";

/** A narinfo that was seen. */
export interface Sighting {
  /** Whose place had it; `undefined`: that is no longer known. */
  readonly host: LogId | undefined;
  /** At least one. */
  readonly signers: readonly LogId[];
}

export interface Credit {
  /** Whose signature stands alone somewhere: nothing that is seen besides can change that it claims. */
  readonly alone: ReadonlySet<LogId>;
  /** All who claim, those included. */
  readonly all: ReadonlySet<LogId>;
}

/** `countCopies`: voters whose signature counts at their own place although others stand beside it. */
export function whoClaims(seen: readonly Sighting[], countCopies: ReadonlySet<LogId>): Credit {
  const sightings = seen.flatMap((sighting) => apart(sighting, countCopies));
  const alone = new Set(sightings.flatMap(({ signers }) => (signers.length === 1 ? signers : [])));
  return { alone, all: new Set([...alone, ...originsOf(sightings, alone)]) };
}

/** A voter whose copies count is taken out of its own narinfos, and stands beside them. */
function apart(sighting: Sighting, countCopies: ReadonlySet<LogId>): Sighting[] {
  const { host, signers } = sighting;
  if (host === undefined || !countCopies.has(host) || !signers.includes(host) || signers.length === 1)
    return [sighting];
  return [
    { host, signers: [host] },
    { host, signers: signers.filter((signer) => signer !== host) },
  ];
}

/** Of narinfos that nobody signed alone: those who are named as sources and name none but in a circle. */
function originsOf(sightings: readonly Sighting[], alone: ReadonlySet<LogId>): Set<LogId> {
  const sources = reachable(sightings);
  const names = (from: LogId, to: LogId): boolean => sources.get(from)!.has(to);
  const isEnd = (voter: LogId): boolean =>
    [...sources.get(voter)!].every((source) => !alone.has(source) && names(source, voter));
  const open = sightings.filter(({ signers }) => !signers.some((signer) => alone.has(signer)));
  const candidates = new Set(open.flatMap(({ signers }) => signers).filter(isEnd));
  const origins = new Set<LogId>();
  for (const candidate of [...candidates].sort()) {
    const sameCircle = [...origins].some((other) => names(candidate, other));
    const sameNarInfo = open.some(
      ({ signers }) => signers.includes(candidate) && signers.some((signer) => origins.has(signer)),
    );
    if (!sameCircle && !sameNarInfo) origins.add(candidate);
  }
  return origins;
}

/** From whom each signer may have what it signed: directly, or through others. */
function reachable(sightings: readonly Sighting[]): Map<LogId, Set<LogId>> {
  const sources = new Map<LogId, Set<LogId>>();
  for (const { signers } of sightings) for (const signer of signers) sources.set(signer, new Set());
  for (const { host, signers } of sightings) {
    if (host === undefined || !signers.includes(host)) continue;
    for (const signer of signers) if (signer !== host) sources.get(host)!.add(signer);
  }
  for (const reached of sources.values()) {
    // A set that grows while it is gone through gives what was added, too.
    for (const source of reached) for (const further of sources.get(source)!) reached.add(further);
  }
  return sources;
}
