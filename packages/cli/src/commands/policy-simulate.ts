/**
 * `trustix policy simulate`: what a policy would decide of everything that the node knows to be claimed, and what that
 * changes. Exit 3 if it decides something else than now, or no longer what is decided now.
 */
import { toHex } from "@trustix/crypto";
import { policyToJson } from "@trustix/decider";
import { NodeExt, type SimulatedPath, type SimulatedVerdict, type SimulateResponse } from "@trustix/proto";
import { findProtocol, NIX, type Protocol } from "@trustix/protocol";
import { checkedConfig } from "../checked-config.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { withNode, type Connection } from "../connect.ts";
import { barOf, figure, progressText, teller } from "../progress-text.ts";
import { Simulation, CHANGES, changeOf, type Tally } from "../simulation.ts";
import { keyText, lasting } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const protocol = protocolOf(input);
  const policy = await candidate(input, protocol);
  const each = input.on("all");
  const simulation = new Simulation();
  const start = io.now();
  const show = teller(io);
  await withNode(input, async (node) => {
    for await (const page of pagesOf(node, protocol, policy, each)) {
      simulation.add(page);
      for (const path of page.Paths) io.out(input.on("json") ? JSON.stringify(pathJson(path)) : pathLine(path));
      const step = { done: simulation.count, share: page.Done, total: undefined, ms: io.now() - start };
      const so = (): string => `paths: ${progressText(step)}`;
      show({ bar: () => `${barOf(page.Done)} ${so()}`, lines: () => [so()] });
    }
  });
  if (input.on("json")) io.out(JSON.stringify(summaryJson(protocol, simulation)));
  else {
    const tell = each ? io.note : io.out;
    const against =
      policy === undefined ? "the policy that the node runs, no other is tried" : "the policy of --config";
    const how = `${paths(simulation.count)} in ${lasting(io.now() - start)}`;
    tell(`protocol ${protocol.name}, ${against}: ${how}`);
    for (const line of summaryLines(simulation, policy !== undefined)) tell(line);
    if (policy === undefined)
      io.note("trustix: hint: to try another policy, change a copy of the configuration: --config COPY");
  }
  return simulation.changes["other-value"] + simulation.changes["no-longer-decided"] === 0 ? EXIT.done : EXIT.refused;
};

function protocolOf(input: CommandInput): Protocol {
  const name = input.text("protocol");
  const protocol = name === undefined ? NIX : findProtocol(name);
  if (protocol !== undefined) return protocol;
  throw usageError(`--protocol: ${JSON.stringify(name)} came, nix, test or an id wanted`);
}

/** The policy of `--config`, as JSON; `undefined`: the one that the node runs. */
async function candidate(input: CommandInput, protocol: Protocol): Promise<string | undefined> {
  if (input.text("config") === undefined) return undefined;
  const config = await checkedConfig(input, false);
  for (const warning of config.warnings) input.io.note(`trustix: warning: ${config.path}: ${warning}`);
  const policy = config.deciders.find((one) => one.protocol.id === protocol.id);
  if (policy === undefined || policy.rules.length === 0) {
    throw new CliError(`${config.path} has no rules for protocol ${protocol.name}: nothing would be decided`, {
      exit: EXIT.refused,
      hint: `add [[decider.${protocol.name}]]`,
    });
  }
  return JSON.stringify(policyToJson(policy));
}

async function* pagesOf(
  node: Connection,
  protocol: Protocol,
  policy: string | undefined,
  each: boolean,
): AsyncGenerator<SimulateResponse> {
  let after: Uint8Array | undefined;
  do {
    const page = await node.call(NodeExt.method.simulate, {
      Protocol: protocol.id,
      ...(policy !== undefined && { Policy: policy }),
      ...(after !== undefined && { After: after }),
      Each: each,
    });
    yield page;
    after = page.Next.length > 0 ? page.Next : undefined;
  } while (after !== undefined);
}

/** `tries`: there is another policy than the one that the node runs; else one column says all. */
function summaryLines(simulation: Simulation, tries: boolean): string[] {
  const { now, tried, changes, uncompared } = simulation;
  const rows: [string, keyof Tally][] = [
    ["decided", "decided"],
    ["undecided", "undecided"],
    ["conflicts", "conflicts"],
  ];
  const width = Math.max(12, ...rows.flatMap(([, of]) => [figure(now[of]).length, figure(tried[of]).length]));
  return [
    "",
    ...voterLines(simulation),
    "",
    `${"".padEnd(12)}${"now".padStart(width)}${tries ? "tried".padStart(width) : ""}`,
    ...rows.map(([word, of]) => {
      const other = tries ? figure(tried[of]).padStart(width) : "";
      return `${word.padEnd(12)}${figure(now[of]).padStart(width)}${other}`;
    }),
    ...CHANGES.filter((change) => changes[change] > 0).flatMap((change) => changeLines(simulation, change, tries)),
    ...(uncompared === 0 ? [] : ["", `${paths(uncompared)} compared byte by byte, because the values are not here`]),
  ];
}

function voterLines({ voters }: Simulation): string[] {
  const width = Math.max(0, ...voters.map(({ name }) => name.length));
  return voters.map(({ name, known, why, claims }) => {
    const said = known === "nothing" ? "nothing is known" : `${figure(claims)} ${claims === 1 ? "claim" : "claims"}`;
    return `  ${name.padEnd(width)}  ${said}${why === undefined ? "" : ` (${why})`}`;
  });
}

const HEADINGS = {
  "other-value": "another value is decided",
  "no-longer-decided": "no longer decided",
  "newly-decided": "newly decided",
  "still-undecided": "undecided as before",
} as const;
/** Of the policy that the node runs, when no other is tried. */
const NOT_TRIED: Readonly<Record<(typeof CHANGES)[number], string>> = { ...HEADINGS, "still-undecided": "undecided" };
/** Groups of one kind that are told; the others are counted. */
const TOLD = 5;

function changeLines(simulation: Simulation, change: (typeof CHANGES)[number], tries: boolean): string[] {
  const groups = simulation.groupsOf(change);
  const rest = groups.slice(TOLD).reduce((sum, { count }) => sum + count, simulation.untold[change]);
  return [
    "",
    `${tries ? HEADINGS[change] : NOT_TRIED[change]}: ${paths(simulation.changes[change])}`,
    ...groups
      .slice(0, TOLD)
      .flatMap(({ count, example }) => [
        `  ${figure(count)}${count === 1 ? "" : ", for example"}  ${nameOf(example)}`,
        ...(change === "still-undecided" || example.Now!.Reason === example.Tried!.Reason
          ? [`      ${example.Tried!.Reason}`]
          : [`      now   ${verdictText(example.Now!)}`, `      tried ${verdictText(example.Tried!)}`]),
      ]),
    ...(rest === 0 ? [] : [`  and ${figure(rest)} more, for other reasons`]),
  ];
}

function paths(count: number): string {
  return `${figure(count)} ${count === 1 ? "path" : "paths"}`;
}

function verdictText({ Decided, Digest, Reason }: SimulatedVerdict): string {
  return Decided ? `${toHex(Digest).slice(0, 8)}: ${Reason}` : Reason;
}

function nameOf({ Key, Path }: SimulatedPath): string {
  return Key.length > 0 ? keyText(Key) : `the key with hash ${toHex(Path)}`;
}

/** One line a path, the change first. */
function pathLine(path: SimulatedPath): string {
  return `${changeOf(path.Change).padEnd(17)}  ${nameOf(path)}  ${path.Tried!.Reason}`;
}

function summaryJson(protocol: Protocol, simulation: Simulation): object {
  const { count, now, tried, changes, voters, uncompared } = simulation;
  return {
    protocol: protocol.name,
    paths: count,
    now,
    tried,
    changes: { same: count - CHANGES.reduce((sum, change) => sum + changes[change], 0), ...changes },
    uncompared,
    voters,
    groups: CHANGES.flatMap((change) =>
      simulation
        .groupsOf(change)
        .slice(0, 100)
        .map(({ count: many, example }) => ({ change, paths: many, example: pathJson(example) })),
    ),
  };
}

function pathJson(path: SimulatedPath): object {
  return {
    ...(path.Key.length > 0 && { key: keyText(path.Key) }),
    hash: toHex(path.Path),
    change: changeOf(path.Change),
    now: verdictJson(path.Now!),
    tried: verdictJson(path.Tried!),
  };
}

function verdictJson({ Decided, Digest, Confidence, Conflict, Reason }: SimulatedVerdict): object {
  return {
    decided: Decided,
    ...(Decided && { digest: toHex(Digest), confidence: Confidence }),
    ...(Conflict && { conflict: true }),
    reason: Reason,
  };
}
