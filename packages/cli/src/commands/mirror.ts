/**
 * `trustix mirror`: how far the copies of followed logs are, and waiting for them. The node copies whether anybody waits or
 * not. Exit 1 when a copy is held up, 3 when a log's head is a lie.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NodeExt, RemoteStatus_States, type FollowedStatus, type StatusResponse } from "@trustix/proto";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { type Connection, withNode } from "../connect.ts";
import { type Copy, copyJson, copyOf, describeCopy, percentOf, stateOf } from "../copies.ts";
import { barOf, teller } from "../progress-text.ts";
import { counted, lasting } from "../words.ts";

const LOOK_MS = 200;
const PATIENCE_S = 30;

interface Look {
  readonly copies: readonly Copy[];
  /** Why a log without a head has none, by its id. */
  readonly silence: ReadonlyMap<string, string>;
  readonly now: number;
}

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { io } = input;
    const look = input.on("wait") ? await waitForAll(input, node) : await lookAt(input, node);
    const { copies, now } = look;
    if (input.on("json")) {
      io.out(JSON.stringify(copies.map((copy) => ({ id: copy.id, name: copy.name, ...copyJson(copy) }))));
    } else for (const copy of copies) io.out(`${copy.name} ${copy.id}: ${describeCopy(copy, now)}`);
    if (copies.length === 0) io.note('trustix: no followed log is copied: syncmode = "full" of a subscriber does that');
    return exitOf(copies);
  });

function exitOf(copies: readonly Copy[]): number {
  const states = copies.map(stateOf);
  if (states.includes("lie")) return EXIT.refused;
  return states.includes("held up") ? EXIT.failed : EXIT.done;
}

async function lookAt(input: CommandInput, node: Connection): Promise<Look> {
  const status = await node.call(NodeExt.method.status, {});
  const followed = named(input, status);
  return {
    copies: followed.flatMap((log) => copyOf(log) ?? []),
    silence: new Map(followed.map((log) => [log.Log?.LogID ?? "", whyNoHead(log)])),
    now: Number(status.Now),
  };
}

/** The log of `--log-id`, whole or its first 8 digits and more; all without it. */
function named(input: CommandInput, { Followed }: StatusResponse): FollowedStatus[] {
  const given = input.text("log-id")?.toLowerCase();
  if (given === undefined) return Followed;
  if (!/^[0-9a-f]{8,64}$/.test(given)) {
    throw usageError(`--log-id: ${JSON.stringify(given)} came, 64 hex digits or at least the first 8 wanted`);
  }
  const found = Followed.filter(({ Log }) => Log?.LogID.startsWith(given) === true);
  if (found.length !== 1)
    throw usageError(`this node follows ${found.length} logs that start with ${given}`, "`trustix logs` lists them");
  if (found[0]!.Mirror === undefined)
    throw usageError(`log ${found[0]!.Name} is followed by its heads: it is not copied`, 'syncmode = "full" copies it');
  return found;
}

function whyNoHead({ Remotes }: FollowedStatus): string {
  if (Remotes.length === 0) return "no remote is configured";
  const failing = Remotes.filter(({ State }) => State > RemoteStatus_States.REACHABLE);
  return failing.length < Remotes.length ? "" : failing.map(({ URL, Why }) => `${URL}: ${Why}`).join("; ");
}

/** Until every copy serves its log's held head, one is a lie, or nothing gets on for too long. */
async function waitForAll(input: CommandInput, node: Connection): Promise<Look> {
  const { io } = input;
  const patience = 1000 * (input.number("patience") ?? PATIENCE_S);
  const since = new Map<string, { readonly far: string; readonly at: number }>();
  const tell = teller(io);
  try {
    for (;;) {
      const look = await lookAt(input, node);
      const open = look.copies.filter((copy) => stateOf(copy) !== "whole");
      if (open.length === 0 || open.some((copy) => stateOf(copy) === "lie")) return look;
      for (const copy of open) {
        const held = holdUp(copy, look);
        const far = `${copy.entries} ${held ?? ""}`;
        const before = since.get(copy.id);
        if (before?.far !== far) since.set(copy.id, { far, at: io.now() });
        else if (held !== undefined && io.now() - before.at >= patience) throw stuck(copy, held, io.now() - before.at);
      }
      tell({ bar: () => bar(look.copies), lines: () => copyLines(look) });
      await sleep(LOOK_MS, undefined, { signal: io.signal });
    }
  } finally {
    if (io.signal.aborted) io.note("trustix: the node goes on copying, and nothing that it has is lost");
  }
}

function holdUp(copy: Copy, { silence }: Look): string | undefined {
  if (stateOf(copy) === "held up") return copy.why;
  return stateOf(copy) === "no head" ? silence.get(copy.id) || undefined : undefined;
}

function stuck({ name, entries }: Copy, why: string, ms: number): CliError {
  return new CliError(`log ${name}: ${counted(entries, "entry", "entries")} and no more for ${lasting(ms)}: ${why}`, {
    hint: "the node goes on trying; `trustix status` shows how its remotes are",
  });
}

function copyLines({ copies, now }: Look): string[] {
  const open = copies.filter((copy) => stateOf(copy) !== "whole");
  return open.map((copy) => `${copy.name}: ${describeCopy(copy, now)}`);
}

/** `[########............] 42 % of 3 logs, 420 of 1000 entries, 3200 a second, 12 s left`. */
function bar(copies: readonly Copy[]): string {
  const sum = (read: (copy: Copy) => number): number => copies.reduce((total, copy) => total + read(copy), 0);
  const whole = sum(({ target }) => target ?? 0);
  const here = sum(({ entries, target }) => Math.min(entries, target ?? 0));
  const rate = sum((copy) => copy.rate);
  const left = rate < 1 ? [] : [`${Math.round(rate)} a second`, `${lasting((1000 * (whole - here)) / rate)} left`];
  return [
    `${barOf(here / Math.max(1, whole))} ${percentOf(here, whole)} % of ${counted(copies.length, "log", "logs")}`,
    `${here} of ${counted(whole, "entry", "entries")}`,
    ...left,
  ].join(", ");
}
