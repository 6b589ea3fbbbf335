/** The configuration and the running node, as they are found: what is wrong with them is a fact like any other. */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { analysePolicy } from "@trustix/decider";
import { formatPublicCacheKey } from "@trustix/nix-formats";
import type { Config } from "@trustix/node";
import { NodeExt } from "@trustix/proto";
import { NIX } from "@trustix/protocol";
import { upstreamsOf } from "../commands/binary-cache-proxy.ts";
import { checkedConfig } from "../checked-config.ts";
import type { CommandInput } from "../command.ts";
import { withNode, type Connection } from "../connect.ts";
import { defaultAddress, defaultConfigFile } from "../default-places.ts";
import { explainError } from "../explain-error.ts";
import { isHere, type Place } from "./ask-places.ts";
import type { ConfigurationFacts, NamedLog, NodeFacts, ReadConfiguration } from "./facts.ts";

export async function gatherConfiguration(
  input: CommandInput,
): Promise<{ facts: ConfigurationFacts; config: Config | undefined }> {
  const given = input.text("config") ?? defaultConfigFile(input.io);
  const file = resolve(input.io.cwd, given);
  if (input.text("config") === undefined && !existsSync(file))
    return { facts: { kind: "absent", file }, config: undefined };
  try {
    // Before it is read: what changes meanwhile is noticed.
    const { mtimeMs } = await stat(file);
    const config = await checkedConfig(input, false);
    return { facts: { kind: "read", file, changedAt: mtimeMs, ...summaryOf(config, input.io.now()) }, config };
  } catch (error) {
    const { message, hint, bug } = await explainError(error, () => undefined);
    if (bug) throw error;
    return { facts: { kind: "broken", file, problems: message.replaceAll(`${given}: `, ""), hint }, config: undefined };
  }
}

function summaryOf(config: Config, now: number): Omit<ReadConfiguration, "file" | "changedAt"> {
  const named = ({ info, name }: Pick<Config["voters"][number], "info" | "name">): NamedLog => ({
    id: info.id,
    name,
    isNix: info.protocol.id === NIX.id,
  });
  return {
    warnings: config.warnings,
    published: config.publishers.map(named),
    followed: config.subscribers.map(named),
    caches: config.voters.map(named),
    upstreamKeys: upstreamsOf(config).flatMap(({ url, publicKeys }) =>
      publicKeys.map((key) => ({ url, key: formatPublicCacheKey(key) })),
    ),
    pollIntervalMs: config.pollIntervalMs,
    policies: config.deciders.map((policy) => ({
      protocol: policy.protocol.name,
      isNix: policy.protocol.id === NIX.id,
      mode: policy.mode,
      maxHeadAgeMs: policy.maxHeadAgeMs,
      findings: analysePolicy(policy, now).findings,
    })),
  };
}

/** Everybody that the configuration names. */
export function placesOf(config: Config | undefined): Place[] {
  if (config === undefined) return [];
  const cache = (url: string, role: string): Place => ({ url, role, isCache: true });
  return [
    ...config.remotes.map((url): Place => ({ url, role: "remote", isCache: false })),
    ...config.peers.map((url): Place => ({ url, role: "peer", isCache: false })),
    ...config.voters.flatMap(({ name, urls }) => urls.map((url) => cache(url, `cache that votes as ${name}`))),
    ...upstreamsOf(config).map(({ url }) => cache(url, "upstream of the proxy")),
  ];
}

export async function gatherNodeFacts(input: CommandInput): Promise<NodeFacts> {
  const address = input.text("address") ?? defaultAddress(input.io);
  try {
    return await withNode(input, async (node) => {
      const status = await node.call(NodeExt.method.status, {});
      return { kind: "answers", address, local: isHere(address), status, builders: await builders(node) };
    });
  } catch (error) {
    const { message, bug } = await explainError(error, () => undefined);
    if (bug || input.io.signal.aborted) throw error;
    return { kind: "away", address, why: message };
  }
}

/** An older node does not have the call. */
async function builders(node: Connection) {
  try {
    return (await node.call(NodeExt.method.builders, {})).Builders;
  } catch {
    return undefined;
  }
}
