/** How far the copies of followed logs are, as `trustix status` and `trustix mirror` tell it. */
import { isFieldSet } from "@bufbuild/protobuf";
import { MirrorStatusSchema, type FollowedStatus } from "@trustix/proto";
import { counted, lasting } from "./words.ts";

export interface Copy {
  /** The log's. */
  readonly name: string;
  readonly id: string;
  readonly entries: number;
  /** Entries of the held head; `undefined` while none is held. */
  readonly target: number | undefined;
  /** Entries of the head that answers are given under. */
  readonly served: number | undefined;
  /** Entries whose values are here; `undefined`: values are asked for on demand. */
  readonly valued: number | undefined;
  /** Values that no remote has. */
  readonly missing: number;
  /** Entries a second. */
  readonly rate: number;
  readonly why: string | undefined;
  readonly isLie: boolean;
  /** Milliseconds since 1970, of the node's clock. */
  readonly behindSince: number | undefined;
}

/** `undefined` for a log that is followed without a copy. */
export function copyOf({ Name, Log, Mirror }: FollowedStatus): Copy | undefined {
  if (Mirror === undefined) return undefined;
  const { Entries, Target, Served, Valued, Missing, Rate, Why, Lie, BehindSince } = Mirror;
  const has = (field: "Target" | "Valued" | "BehindSince"): boolean =>
    isFieldSet(Mirror, MirrorStatusSchema.field[field]);
  return {
    name: Name,
    id: Log?.LogID ?? "",
    entries: Number(Entries),
    target: has("Target") ? Number(Target) : undefined,
    served: Served === undefined ? undefined : Number(Served.TreeSize),
    valued: has("Valued") ? Number(Valued) : undefined,
    missing: Number(Missing),
    rate: Rate,
    why: Why === "" ? undefined : Why,
    isLie: Lie,
    behindSince: has("BehindSince") ? Number(BehindSince) : undefined,
  };
}

export type CopyState =
  /** The held head is served. */
  | "whole"
  | "copying"
  /** There is more to copy, and something stands in the way. */
  | "held up"
  /** The log's signed head is not what its own entries make. */
  | "lie"
  | "no head";

export function stateOf({ target, served, why, isLie }: Copy): CopyState {
  if (isLie) return "lie";
  if (target === undefined) return "no head";
  if (served !== undefined && served >= target) return "whole";
  return why === undefined ? "copying" : "held up";
}

/** `450 of 1000 entries (45 %), none counts before all are here, 3200 a second, 1 s left`. `now`: of the node's clock. */
export function describeCopy(copy: Copy, now: number): string {
  const { why, entries, target, served } = copy;
  const state = stateOf(copy);
  const far =
    state === "whole"
      ? [counted(entries, "entry", "entries")]
      : [
          `${entries} of ${counted(target ?? 0, "entry", "entries")} (${percentOf(entries, target ?? 0)} %)`,
          served === undefined ? "none counts before all are here" : `the first ${served} count`,
        ];
  const words = [...far, ...valueWords(copy)];
  switch (state) {
    case "no head":
      return "no head yet";
    case "whole":
      return `whole: ${words.join(", ")}`;
    case "copying":
      return [...words, ...behindWords(copy, now), ...rateWords(copy)].join(", ");
    case "held up":
      return `HELD UP by ${why ?? ""}; ${[...words, ...behindWords(copy, now)].join(", ")}`;
    case "lie":
      return `LIE: ${why ?? ""}; ${words.join(", ")}`;
  }
}

export function copyJson(copy: Copy): object {
  const { entries, target, served, valued, missing, rate, why, behindSince } = copy;
  return {
    state: stateOf(copy),
    entries,
    ...(target !== undefined && { target }),
    ...(served !== undefined && { served }),
    ...(valued !== undefined && { valued }),
    missing,
    rate: Math.round(rate),
    ...(why !== undefined && { why }),
    ...(behindSince !== undefined && { behindSince }),
  };
}

/** Whole percents; 100 only for all of it. */
export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((100 * part) / whole);
}

function valueWords({ entries, valued, missing }: Copy): string[] {
  if (valued === undefined) return ["values on demand"];
  return [
    ...(valued < entries ? [`${counted(entries - valued, "value", "values")} to come`] : []),
    ...(missing > 0
      ? [`${counted(missing, "value is", "values are")} missing, no remote has ${missing === 1 ? "it" : "them"}`]
      : []),
  ];
}

function behindWords({ behindSince }: Copy, now: number): string[] {
  return behindSince === undefined ? [] : [`behind for ${lasting(now - behindSince)}`];
}

function rateWords({ entries, target, rate }: Copy): string[] {
  if (rate < 1 || target === undefined) return [];
  return [`${Math.round(rate)} a second`, `${lasting((1000 * (target - entries)) / rate)} left`];
}
