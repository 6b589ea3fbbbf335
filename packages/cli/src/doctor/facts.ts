/** What `trustix doctor` gathers before anything is judged. Plain data: the judges see nothing else. */
import type { PolicyFinding, PolicyMode } from "@trustix/decider";
import type { ReadSettings, SpoolState } from "@trustix/nix";
import type { BuilderStatus, StatusResponse } from "@trustix/proto";

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Who looks. */
  readonly uid: number;
  readonly configuration: ConfigurationFacts;
  readonly node: NodeFacts;
  readonly state: StateFacts;
  readonly secrets: readonly SecretFacts[];
  readonly asked: readonly AskedFacts[];
  readonly nix: NixFacts;
  readonly hook: HookFacts;
  readonly spools: readonly SpoolFacts[];
}

export type ConfigurationFacts =
  | { readonly kind: "absent"; readonly file: string }
  | { readonly kind: "broken"; readonly file: string; readonly problems: string; readonly hint: string | undefined }
  | ({ readonly kind: "read" } & ReadConfiguration);

export interface ReadConfiguration {
  /** Absolute. */
  readonly file: string;
  /** Milliseconds since 1970 when it was last changed. */
  readonly changedAt: number;
  readonly warnings: readonly string[];
  readonly published: readonly NamedLog[];
  readonly followed: readonly NamedLog[];
  /** Binary caches that vote. */
  readonly caches: readonly NamedLog[];
  /** Keys (`name:base64`) that caches are fetched from with, by whom. */
  readonly upstreamKeys: readonly { readonly key: string; readonly url: string }[];
  readonly pollIntervalMs: number;
  readonly policies: readonly PolicyFacts[];
}

export interface NamedLog {
  readonly id: string;
  readonly name: string;
  readonly isNix: boolean;
}

export interface PolicyFacts {
  readonly protocol: string;
  readonly isNix: boolean;
  readonly mode: PolicyMode;
  readonly maxHeadAgeMs: number | undefined;
  readonly findings: readonly PolicyFinding[];
}

export type NodeFacts =
  | { readonly kind: "away"; readonly address: string; readonly why: string }
  | {
      readonly kind: "answers";
      readonly address: string;
      /** Whether it runs on this machine. */
      readonly local: boolean;
      readonly status: StatusResponse;
      /** Absent where it does not say. */
      readonly builders: readonly BuilderStatus[] | undefined;
    };

export interface StateFacts {
  readonly folder: string;
  /** `undefined`: there is none, or it cannot be looked at. */
  readonly found: { readonly mode: number; readonly owner: number } | undefined;
  /** base64 of the key in `node.key`; `undefined` if it cannot be read. */
  readonly nodeKey: string | undefined;
}

/** A file that only its owner may read. */
export interface SecretFacts {
  readonly what: string;
  readonly path: string;
  readonly found:
    | { readonly kind: "absent"; readonly needed: boolean }
    | { readonly kind: "unreadable"; readonly why: string }
    | { readonly kind: "file"; readonly mode: number; readonly owner: number; readonly wrong: string | undefined };
}

/** Somebody who was asked for one thing, once. */
export interface AskedFacts {
  /** Without credentials. */
  readonly url: string;
  /** Why it concerns us: `remote`, `cache voter mars`, `upstream`, `substituter`. */
  readonly roles: readonly string[];
  readonly outcome:
    | ({ readonly kind: "answered"; readonly status: number; readonly date: number | undefined } & Times & Priority)
    | { readonly kind: "failed"; readonly why: string }
    | { readonly kind: "not asked"; readonly why: string };
}

interface Times {
  /** Milliseconds since 1970, by our own clock. */
  readonly sent: number;
  readonly got: number;
}

interface Priority {
  /** Of a binary cache that says so. */
  readonly priority: number | undefined;
  /** Whether a binary cache was looked for there. */
  readonly isCache: boolean;
}

export interface NixFacts extends ReadSettings {
  /** Binary cache proxies of ours, found at the usual place and among the substituters. */
  readonly proxies: readonly ProxyFacts[];
  /** Where one was looked for. */
  readonly proxyAddress: string;
  /** Settings that this user once accepted from a flake for good: the setting's name and its words. */
  readonly acceptedFromFlakes: { readonly file: string; readonly settings: readonly (readonly [string, string])[] };
  /** Keys that are certainly no proxy's: those of well-known caches and of the configuration's. */
  readonly foreignKeys: readonly string[];
  /** Whether a Nix daemon works for this user, by root's settings. */
  readonly throughDaemon: boolean;
  /** Machines that build for this one. */
  readonly machines: readonly string[];
}

export interface ProxyFacts {
  /** As it stands in the settings, or where it was found. */
  readonly url: string;
  readonly status: string;
  /** `name:base64` of the key it signs with; `undefined` if it does not say. */
  readonly key: string | undefined;
  readonly priority: number | undefined;
}

export interface HookFacts {
  /** What `post-build-hook` says; `undefined`: nothing. */
  readonly path: string | undefined;
  /** Our own hook on this machine, for the line that is missing. */
  readonly ours: string | undefined;
  readonly found:
    | { readonly kind: "absent"; readonly why: string }
    | { readonly kind: "unsafe"; readonly why: string; readonly command: string }
    | { readonly kind: "not executable" }
    | { readonly kind: "foreign" }
    | { readonly kind: "ran"; readonly how: string; readonly exit: number | undefined; readonly said: string }
    | undefined;
}

export interface SpoolFacts {
  readonly folder: string;
  readonly state: SpoolState;
}
