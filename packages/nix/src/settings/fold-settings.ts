/**
 * Statements in the order in which Nix takes them, folded to what holds in the end, with the lines that say so. Only the
 * settings that decide what Nix accepts and whom it asks; a later line replaces an earlier one, `extra-` adds to it.
 */
import type { Origin, Statement } from "./nix-conf.ts";

/** Default and former names, from the reference of nix.conf in Nix's own manual. */
const KNOWN = {
  substituters: { byDefault: ["https://cache.nixos.org/"], aliases: ["binary-caches"] },
  "trusted-substituters": { byDefault: [], aliases: ["trusted-binary-caches"] },
  "trusted-public-keys": {
    byDefault: ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="],
    aliases: ["binary-cache-public-keys"],
  },
  "trusted-users": { byDefault: ["root"], aliases: [] },
  "require-sigs": { byDefault: ["true"], aliases: [] },
  "accept-flake-config": { byDefault: ["false"], aliases: [] },
  substitute: { byDefault: ["true"], aliases: ["build-use-substitutes"] },
  "narinfo-cache-negative-ttl": { byDefault: ["3600"], aliases: [] },
  "post-build-hook": { byDefault: [], aliases: [] },
  "secret-key-files": { byDefault: [], aliases: [] },
  builders: { byDefault: ["@/etc/nix/machines"], aliases: [] },
  store: { byDefault: ["auto"], aliases: [] },
} as const satisfies Record<string, { byDefault: readonly string[]; aliases: readonly string[] }>;

export type SettingName = keyof typeof KNOWN;

export interface Setting {
  readonly words: readonly string[];
  /** The lines that make it so, in their order; none for the built-in default. */
  readonly from: readonly Origin[];
}

export type NixSettings = Readonly<Record<SettingName, Setting>>;

export const SETTING_NAMES = Object.keys(KNOWN) as SettingName[];

/** By every name that Nix takes for it. */
const NAMES: ReadonlyMap<string, SettingName> = new Map(
  SETTING_NAMES.flatMap((name) => [name, ...KNOWN[name].aliases].map((word): [string, SettingName] => [word, name])),
);

export function foldSettings(statements: readonly Statement[]): NixSettings {
  const settings = Object.fromEntries(
    SETTING_NAMES.map((name): [SettingName, Setting] => [name, { words: KNOWN[name].byDefault, from: [] }]),
  ) as Record<SettingName, Setting>;
  for (const statement of statements) {
    if (statement.kind !== "setting") continue;
    const whole = NAMES.get(statement.name);
    const added = NAMES.get(statement.name.replace(/^extra-/, ""));
    if (whole !== undefined) settings[whole] = { words: statement.words, from: [statement.from] };
    else if (added !== undefined) {
      const { words, from } = settings[added];
      settings[added] = { words: [...words, ...statement.words], from: [...from, statement.from] };
    }
  }
  return settings;
}

/** Nix's own word on a setting in place of ours; which lines made it so is only known from the files. */
export function withWords(settings: NixSettings, told: ReadonlyMap<SettingName, readonly string[]>): NixSettings {
  const entries = SETTING_NAMES.map((name): [SettingName, Setting] => {
    const words = told.get(name);
    return [name, words === undefined ? settings[name] : { words, from: settings[name].from }];
  });
  return Object.fromEntries(entries) as Record<SettingName, Setting>;
}

/** What `nix config show --json` printed: settings by name, each with its `value`. Empty for anything else. */
export function wordsOfJson(text: string): Map<SettingName, readonly string[]> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return new Map();
  }
  const told = new Map<SettingName, readonly string[]>();
  if (typeof json !== "object" || json === null) return told;
  for (const name of SETTING_NAMES) {
    // The store is what we told it to use.
    if (name === "store" || !Object.hasOwn(json, name)) continue;
    const words = wordsOf((json as Record<string, { value?: unknown } | null>)[name]?.value);
    if (words !== undefined) told.set(name, words);
  }
  return told;
}

function wordsOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return value.every((word) => typeof word === "string") ? value : undefined;
  if (typeof value === "boolean" || typeof value === "number") return [String(value)];
  return typeof value === "string" ? value.split(/[ \t\r\n]+/).filter((word) => word !== "") : undefined;
}
