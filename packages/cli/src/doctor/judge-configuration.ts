/** The node's configuration, its policies, its state folder, and whether the running daemon goes by the same. */
import { toBase64 } from "@trustix/crypto";
import type { StatusResponse } from "@trustix/proto";
import { VERSION } from "../version.ts";
import { counted, quoted } from "../words.ts";
import type { ConfigurationFacts, NamedLog, NodeFacts, ReadConfiguration, StateFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("configuration");

export function judgeConfiguration(facts: ConfigurationFacts): Finding[] {
  const { file } = facts;
  switch (facts.kind) {
    case "absent":
      return [finding("wrong", file, "there is no configuration", { run: ["trustix init"] })];
    case "broken": {
      const note = facts.hint ?? "change what it names";
      return [finding("wrong", file, `the daemon would refuse it: ${facts.problems}`, { note })];
    }
    case "read":
      return [...judgeFile(facts), ...judgePolicies(facts)];
  }
}

function judgeFile({ file, warnings, published, followed, caches }: ReadConfiguration): Finding[] {
  const parts = [
    `${counted(published.length, "log is", "logs are")} published`,
    `${published.length === 0 || followed.length > 0 ? followed.length : "none"} followed`,
    `${counted(caches.length, "binary cache votes", "binary caches vote")}`,
  ];
  return [
    finding("ok", file, `it can be used: ${parts.join(", ")}`),
    ...warnings.map((warning) => finding("warning", file, warning)),
  ];
}

function judgePolicies({ file, policies, followed, caches }: ReadConfiguration): Finding[] {
  const check = `trustix policy check --config ${quoted(file)}`;
  if (policies.length === 0) {
    const needed = followed.length + caches.length > 0;
    const note = `add [[decider.nix]] to ${file}, with engine = "quorum" and a threshold`;
    return [
      finding(
        needed ? "wrong" : "note",
        file,
        "it has no rules: nothing is ever decided",
        needed ? { note } : undefined,
      ),
    ];
  }
  const alone = followed.length + caches.length === 0;
  return policies.flatMap(({ protocol, findings }) => {
    const looked = `policy for ${protocol}`;
    // Who follows nobody decides nothing that anybody relies on.
    if (alone) return [finding("note", looked, "this node follows nobody: it has only its own word to decide by")];
    if (findings.length === 0) return [finding("ok", looked, "nothing to complain of")];
    const note = `change [[decider.${protocol}]] or [policy.${protocol}] in ${file}, until this is content`;
    return findings.map(({ severity, text }) =>
      finding(severity === "problem" ? "wrong" : "warning", looked, text, { run: [check], note }),
    );
  });
}

export function judgeState({ folder, found }: StateFacts, uid: number): Finding[] {
  const looked = `state folder ${folder}`;
  if (found === undefined) return [finding("note", looked, "it is not there: no daemon has kept anything in it yet")];
  const mode = found.mode.toString(8);
  const mend = { run: [`chmod go= ${quoted(folder)}`] };
  if ((found.mode & 0o022) !== 0) return [finding("wrong", looked, `others may write to it (mode ${mode})`, mend)];
  if ((found.mode & 0o055) !== 0) {
    return [finding("warning", looked, `others may see what this node follows and decides (mode ${mode})`, mend)];
  }
  const others = found.owner !== uid && uid !== 0;
  if (others) return [finding("note", looked, `it is user ${found.owner}'s, and cannot be looked into`)];
  return [finding("ok", looked, `only user ${found.owner} may see into it`)];
}

export function judgeNode(node: NodeFacts, configuration: ConfigurationFacts, state: StateFacts): Finding[] {
  const looked = `the daemon at ${node.address}`;
  const start = `trustix daemon --config ${quoted(configuration.file)} --state ${quoted(state.folder)}`;
  if (node.kind === "away") {
    const note = "as a service of the system, so that it comes back by itself";
    return [finding("wrong", looked, `it does not answer: ${node.why}`, { run: [start], note })];
  }
  const { status } = node;
  const note = `end it and start it again: ${start}`;
  const findings: Finding[] = [];
  if (configuration.kind === "read") {
    const differences = differencesOf(node.status, configuration);
    if (differences.length > 0) findings.push(finding("wrong", looked, differences.join("; "), { note }));
    else if (status.ConfigRead !== 0n && configuration.changedAt > Number(status.ConfigRead)) {
      const found = `${configuration.file} was changed since it read it; what changed beside write_tokens does not count yet`;
      findings.push(finding("warning", looked, found, { note }));
    }
  }
  const key = status.NodeKey === undefined ? undefined : toBase64(status.NodeKey);
  if (state.nodeKey !== undefined && key !== undefined && key !== state.nodeKey) {
    const found = `its key is not the one in ${state.folder}: it keeps its state elsewhere`;
    findings.push(finding("warning", looked, found, { note: "--state names its folder" }));
  }
  if (status.Version !== VERSION) {
    const found = `it is version ${status.Version}, and this command is version ${VERSION}`;
    findings.push(finding("warning", looked, found, { note }));
  }
  if (findings.length > 0) return findings;
  const same = configuration.kind === "read" ? `, with the logs of ${configuration.file}` : "";
  return [finding("ok", looked, `version ${status.Version} answers${same}`)];
}

/** What only one of the two knows. Another name of the same file is the same file. */
function differencesOf(status: StatusResponse, { file, published, followed, caches }: ReadConfiguration): string[] {
  const logs = [
    ...differing("publish", status.Published, published),
    ...differing("follow", status.Followed, followed),
    ...differing("ask", status.Caches, caches),
  ];
  if (logs.length === 0) return [];
  const other =
    status.ConfigFile === "" || status.ConfigFile === file ? "as it is now" : `, but by ${status.ConfigFile}`;
  return [`it does not go by ${file}${other.startsWith(",") ? "" : " "}${other}`, ...logs];
}

interface Running {
  readonly Name: string;
  readonly Log?: { readonly LogID: string } | undefined;
  readonly LogID?: string;
}

function differing(does: string, running: readonly Running[], configured: readonly NamedLog[]): string[] {
  const idOf = ({ Log, LogID }: Running): string => LogID ?? Log?.LogID ?? "";
  const ids = new Set(running.map(idOf));
  const known = new Set(configured.map(({ id }) => id));
  const third = does === "publish" ? "publishes" : `${does}s`;
  return [
    ...configured.filter(({ id }) => !ids.has(id)).map(({ name }) => `it does not ${does} ${name}`),
    ...running.filter((one) => !known.has(idOf(one))).map(({ Name }) => `it ${third} ${Name}`),
  ];
}
