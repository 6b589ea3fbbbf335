/** `trustix builders`: how far each configured voter is trusted, how its claims compare with those of the others, and why. */
import {
  type BuilderFigures,
  type BuilderStatus,
  BuilderStatus_Standings,
  type Dissent,
  NodeExt,
} from "@trustix/proto";
import { findProtocol } from "@trustix/protocol";
import { causeName, standingName, unjudgedDissent } from "../builders.ts";
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { lasting, table } from "../words.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const { io } = input;
    const { Builders } = await node.call(NodeExt.method.builders, {});
    if (input.on("json")) return io.out(JSON.stringify(Builders.map(builderJson)));
    if (Builders.length === 0) return io.note("trustix: nobody votes: no decider is configured");
    const protocols = [...new Set(Builders.map(({ Protocol }) => Protocol))];
    for (const id of protocols) {
      if (protocols.length > 1) io.out(`protocol ${findProtocol(id)?.name ?? id}`);
      const builders = Builders.filter(({ Protocol }) => Protocol === id);
      for (const line of [...builderLines(builders, io.now()), ...unjudgedLines(builders)]) io.out(line);
    }
  });

const TITLES = [
  "builder",
  "standing",
  "since",
  "claims",
  "compared",
  "agreed",
  "alone",
  "split",
  "scattered",
  "second",
];
const FIRST_NUMBER = 3;

function builderLines(builders: readonly BuilderStatus[], now: number): string[] {
  const [titles, ...lines] = table([TITLES, ...builders.map((builder) => rowOf(builder, now))], FIRST_NUMBER);
  return [titles!, ...lines.flatMap((line, i) => [line, ...detailLines(builders[i]!)])];
}

function rowOf({ Name, Operator, Standing, Since, Figures }: BuilderStatus, now: number): string[] {
  const who = Operator === "" ? Name : `${Name} (${Operator})`;
  const since = Since === 0n ? "" : lasting(now - Number(Since));
  const numbers = Figures === undefined ? [] : numbersOf(Figures);
  return [who, standingName(Standing), since, ...numbers];
}

function numbersOf(figures: BuilderFigures): string[] {
  const { Claims, Agreed, Alone, Split, Scattered, SecondAnswers } = figures;
  const compared = Agreed + Alone;
  const agreed = compared === 0n ? "-" : `${shareText(Number(Agreed) / Number(compared))} %`;
  return [String(Claims), String(compared), agreed, ...[Alone, Split, Scattered, SecondAnswers].map(String)];
}

/** Hundredths, rounded down: 100 only for all. */
function shareText(share: number): string {
  return (Math.floor(share * 10_000) / 100).toFixed(2);
}

/** What weighs against it, with the latest paths; of a good one only what was pardoned. */
function detailLines({ Standing, Reasons, Examples }: BuilderStatus): string[] {
  // The plain figures are in the table.
  const reasons = Reasons.filter((reason) => !/^(agreed on|never compared|not compared)/.test(reason));
  const examples = Standing === BuilderStatus_Standings.GOOD ? [] : Examples;
  return [...reasons, ...examples.map(exampleText)].map((line) => `  ${line}`);
}

function exampleText({ Key, SecondAnswer }: Dissent): string {
  return `for example ${Key}${SecondAnswer ? ": another answer than before" : ""}`;
}

function unjudgedLines(builders: readonly BuilderStatus[]): string[] {
  const unjudged = unjudgedDissent(builders);
  return unjudged === undefined ? [] : [`nobody's dissent is judged: ${unjudged.why}`, `  ${unjudged.remedy}`];
}

function builderJson(builder: BuilderStatus): object {
  const { LogID, Name, Operator, Protocol, Standing, Cause, Since, Reasons, Figures, Examples } = builder;
  const { Others, OthersExcluded, Needed } = builder;
  return {
    id: LogID,
    name: Name,
    ...(Operator !== "" && { operator: Operator }),
    protocol: findProtocol(Protocol)?.name ?? Protocol,
    standing: standingName(Standing),
    ...(causeName(Cause) !== undefined && { cause: causeName(Cause) }),
    ...(Since !== 0n && { since: Number(Since) }),
    reasons: Reasons,
    ...(Figures !== undefined && { figures: figuresJson(Figures) }),
    ...(Needed > 0 && { others: { judging: Others, excluded: OthersExcluded, needed: Needed } }),
    examples: Examples.map(({ Key, At, SecondAnswer }) => ({
      key: Key,
      at: Number(At),
      kind: SecondAnswer ? "second-answer" : "alone",
    })),
  };
}

function figuresJson(figures: BuilderFigures): object {
  const { Claims, Single, FewAgreed, FewDiffering, Agreed, Alone, Split, Scattered, Forgiven, SecondAnswers } = figures;
  return {
    claims: Number(Claims),
    compared: Number(Agreed + Alone),
    agreed: Number(Agreed),
    alone: Number(Alone),
    forgiven: Number(Forgiven),
    split: Number(Split),
    scattered: Number(Scattered),
    fewAgreed: Number(FewAgreed),
    fewDiffering: Number(FewDiffering),
    single: Number(Single),
    secondAnswers: Number(SecondAnswers),
  };
}
