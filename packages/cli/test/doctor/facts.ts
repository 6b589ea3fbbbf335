/** Facts of a machine on which all is well, to change one thing at a time; and findings as short lines. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { SETTING_NAMES, type NixSettings, type Origin, type SettingName } from "@trustix/nix";
import {
  BuilderStatusSchema,
  FollowedStatusSchema,
  RemoteStatus_States,
  StatusResponseSchema,
  type FollowedStatus,
} from "@trustix/proto";
import { toBase64 } from "@trustix/crypto";
import type { AskedFacts, Facts, NixFacts, NodeFacts, ReadConfiguration } from "../../src/doctor/facts.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { VERSION } from "../../src/version.ts";

export const NOW = 1_800_000_000_000;
export const KEY = "my-proxy-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
export const OTHER_KEY = "cache.example-1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
export const PROXY = "http://127.0.0.1:8080";
export const CONF = "/etc/nix/nix.conf";
const MARS = "a5".repeat(32);

export const CONFIGURATION: ReadConfiguration = {
  file: "/etc/trustix/trustix.toml",
  changedAt: NOW - 7_200_000,
  warnings: [],
  published: [],
  followed: [{ id: MARS, name: "mars", isNix: true }],
  caches: [],
  upstreamKeys: [],
  pollIntervalMs: 1_800_000,
  policies: [{ protocol: "nix", isNix: true, mode: "enforce", maxHeadAgeMs: undefined, findings: [] }],
};

export const NODE_KEY = new Uint8Array(32).fill(7);

/** A node that answers; `followed` and `builders` in place of what is well. */
export function node(
  change: Extract<MessageInitShape<typeof StatusResponseSchema>, { $typeName?: never }> = {},
  builders: readonly MessageInitShape<typeof BuilderStatusSchema>[] = [],
): Extract<NodeFacts, { kind: "answers" }> {
  return {
    kind: "answers",
    address: "unix:///run/trustix.socket",
    local: true,
    status: create(StatusResponseSchema, {
      Version: VERSION,
      Now: BigInt(NOW),
      NodeKey: NODE_KEY,
      ConfigFile: "/etc/trustix/trustix.toml",
      ConfigRead: BigInt(NOW - 3_600_000),
      Followed: [followed({})],
      ...change,
    }),
    builders: builders.map((builder) => create(BuilderStatusSchema, builder)),
  };
}

type Followed = Extract<MessageInitShape<typeof FollowedStatusSchema>, { $typeName?: never }>;

export function followed(change: Followed): FollowedStatus {
  return create(FollowedStatusSchema, {
    Log: { LogID: MARS },
    Name: "mars",
    Head: { TreeSize: 5n },
    HeadSeenAt: BigInt(NOW - 60_000),
    Remotes: [{ URL: "http://mars.example", State: RemoteStatus_States.REACHABLE }],
    ...change,
  });
}

export const AWAY: NodeFacts = { kind: "away", address: "unix:///run/trustix.socket", why: "no such socket" };

/** Settings of a machine that asks the proxy alone; `lines` come after them. */
export function nix(
  change: Partial<Record<SettingName, readonly string[]>> = {},
  more: Partial<NixFacts> = {},
): NixFacts {
  const words: Record<SettingName, readonly string[]> = {
    substituters: [PROXY],
    "trusted-substituters": [],
    "trusted-public-keys": [KEY],
    "trusted-users": ["root"],
    "require-sigs": ["true"],
    "accept-flake-config": ["false"],
    substitute: ["true"],
    "narinfo-cache-negative-ttl": ["10"],
    "post-build-hook": [],
    "secret-key-files": [],
    builders: [],
    store: ["auto"],
    ...change,
  };
  const lineOf = (name: SettingName): Origin => ({ file: CONF, line: 1, text: [name, "=", ...words[name]].join(" ") });
  const entries = SETTING_NAMES.map((name) => [name, { words: words[name], from: [lineOf(name)] }]);
  return {
    settings: Object.fromEntries(entries) as NixSettings,
    mainFile: CONF,
    mainFileIs: CONF,
    program: { version: "nix (Nix) 2.8.0" },
    illegal: [],
    proxies: [{ url: PROXY, status: "ok", key: KEY, priority: 30 }],
    proxyAddress: PROXY,
    foreignKeys: [],
    throughDaemon: false,
    acceptedFromFlakes: { file: "/home/me/.local/share/nix/trusted-settings.json", settings: [] },
    machines: [],
    ...more,
  };
}

export function answered(
  url: string,
  change: Partial<Extract<AskedFacts["outcome"], { kind: "answered" }>> = {},
  roles: readonly string[] = ["remote"],
): AskedFacts {
  const times = { sent: NOW - 100, got: NOW, date: NOW - 500 };
  const outcome = { kind: "answered" as const, status: 200, priority: undefined, isCache: false, ...times, ...change };
  return { url, roles, outcome };
}

export const FACTS: Facts = {
  now: NOW,
  uid: 0,
  configuration: { kind: "read", ...CONFIGURATION },
  node: node(),
  state: { folder: "/var/lib/trustix", found: { mode: 0o700, owner: 0 }, nodeKey: toBase64(NODE_KEY) },
  secrets: [],
  asked: [answered("http://mars.example")],
  nix: nix(),
  hook: { path: undefined, ours: "/usr/local/bin/trustix-nix-hook", found: undefined },
  spools: [],
};

/** `wrong looked: found`, and what mends it. */
export function shown(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, looked, found, mend }) => {
    const steps = [
      ...(mend?.edits ?? []).flatMap(({ file, remove, add }) => [
        ...remove.map((line) => `${file} - ${line}`),
        ...add.map((line) => `${file} + ${line}`),
      ]),
      ...(mend?.run ?? []).map((command) => `$ ${command}`),
    ];
    return [`${severity} ${looked}: ${found}`, ...steps].join("\n");
  });
}
