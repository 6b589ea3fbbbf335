/** Figures of the copies of followed logs. */
import type { Registry } from "prom-client";
import type { MirrorStatus } from "../model.ts";
import { gauge } from "./gauge.ts";
import type { MeasuredParts } from "./parts.ts";

type Figure = (status: MirrorStatus, now: number) => number | undefined;

/** `undefined`: there is no such figure now. */
const FIGURES: readonly (readonly [name: string, help: string, read: Figure])[] = [
  ["entries", "Entries of a followed log that are copied", ({ entries }) => entries],
  ["served_tree_size", "Entries under the head that answers are given under", ({ served }) => served?.treeSize],
  ["behind_seconds", "Since the held head went beyond the served one; 0 when they are one", secondsBehind],
  ["entries_per_second", "Entries copied a second; 0 when nothing is being copied", ({ rate }) => rate],
  ["values", "Entries whose values are here, if values are copied", ({ valued }) => valued],
  ["missing_values", "Values that no remote has, at most 10 000 counted", ({ missing }) => missing],
  [
    "held_up",
    "1 while something keeps a copy from going on",
    ({ why, isLie }) => (why !== undefined && !isLie ? 1 : 0),
  ],
  ["lie", "1 while a log's newest head is not what its own entries make", ({ isLie }) => (isLie ? 1 : 0)],
];

export function measureCopies(
  registry: Registry,
  { follower, mirror, clock }: Pick<MeasuredParts, "follower" | "mirror" | "clock">,
): void {
  for (const [name, help, read] of FIGURES)
    gauge(registry, `trustix_copy_${name}`, help, ["log"], (g) => {
      for (const { name: log, info } of follower.logs()) {
        const status = mirror.status(info.id);
        const figure = status && read(status, clock.now());
        if (figure !== undefined) g.set({ log }, figure);
      }
    });
}

function secondsBehind({ behindSince }: MirrorStatus, now: number): number {
  return behindSince === undefined ? 0 : (now - behindSince) / 1000;
}
