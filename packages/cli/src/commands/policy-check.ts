/** `trustix policy check`: each policy of a configuration in sentences, and what is odd about it. Needs no node. Exit 3 for problems. */
import { analysePolicy, explainPolicy, policyToJson, type Policy, type PolicyAnalysis } from "@trustix/decider";
import type { Config } from "@trustix/node";
import { findProtocol } from "@trustix/protocol";
import { checkedConfig } from "../checked-config.ts";
import { CliError, EXIT, usageError } from "../cli-error.ts";
import type { Action, CommandInput } from "../command.ts";
import { counted } from "../words.ts";

export const run: Action = async (input) => {
  const { io } = input;
  const config = await checkedConfig(input, false);
  for (const warning of config.warnings) io.note(`trustix: warning: ${config.path}: ${warning}`);
  const checked = asked(input, config).map((policy) => ({
    policy,
    sentences: explainPolicy(policy, io.now()),
    analysis: analysePolicy(policy, io.now()),
  }));
  const problems = checked.flatMap(({ analysis }) =>
    analysis.findings.filter(({ severity }) => severity === "problem"),
  );
  if (input.on("json")) {
    const policies = checked.map(policyJson);
    io.out(JSON.stringify({ file: config.path, ok: problems.length === 0, policies }));
  } else for (const one of checked) for (const line of policyLines(one)) io.out(line);
  return problems.length === 0 ? EXIT.done : EXIT.refused;
};

/** The policies of `--protocol`, or all. */
function asked(input: CommandInput, { path, deciders }: Config): readonly Policy[] {
  const name = input.text("protocol");
  const protocol = name === undefined ? undefined : findProtocol(name);
  if (name !== undefined && protocol === undefined) {
    throw usageError(`--protocol: ${JSON.stringify(name)} came, "nix", "test" or a protocol's id wanted`);
  }
  const found = deciders.filter((policy) => protocol === undefined || policy.protocol.id === protocol.id);
  if (found.length > 0) return found;
  throw new CliError(
    `${path} has no rules${protocol === undefined ? "" : ` for protocol ${protocol.name}`}: nothing is ever decided`,
    {
      exit: EXIT.refused,
      hint: `add [[decider.${protocol?.name ?? "nix"}]]`,
    },
  );
}

interface Checked {
  readonly policy: Policy;
  readonly sentences: readonly string[];
  readonly analysis: PolicyAnalysis;
}

function policyLines({ policy, sentences, analysis: { findings } }: Checked): string[] {
  const verdict = findings.length === 0 ? "nothing to complain of" : counted(findings.length, "finding", "findings");
  return [
    `policy for ${policy.protocol.name}: ${verdict}`,
    ...sentences.map((sentence) => `  ${sentence}.`),
    ...findings.map(({ severity, text }) => `  ${severity}: ${text}`),
  ];
}

function policyJson({ policy, sentences, analysis: { findings, fewest } }: Checked): object {
  return { protocol: policy.protocol.name, sentences, findings, fewest: fewest ?? null, policy: policyToJson(policy) };
}
