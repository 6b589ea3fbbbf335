/** The lines of nix.conf that bring a setting to what it should be: the same lines, whichever finding asks for them. */
import type { SettingName } from "@trustix/nix";
import { quoted } from "../words.ts";
import type { NixFacts } from "./facts.ts";
import { shownUrl } from "./nix-view.ts";
import { type Edit, type Mend } from "./finding.ts";

const RESTART = "then restart the Nix daemon, if there is one";

/** Where the lines of a file come from that a system generates. */
const GENERATED = "/nix/store/";

export function settingEdits(
  { settings, mainFile, mainFileIs }: NixFacts,
  name: SettingName,
  words: readonly string[],
): Mend {
  if (mainFileIs.startsWith(GENERATED)) return nixosMend(name, words);
  const from = settings[name].from;
  const variables = from.filter(({ file }) => file === "NIX_CONFIG");
  const files = [...new Set([...from.map(({ file }) => file).filter((file) => file !== "NIX_CONFIG"), mainFile])];
  const edits = files
    .map((file): Edit => {
      const remove = from.filter((line) => line.file === file).map(({ text }) => shownUrl(text));
      return { file, remove, add: file === mainFile ? [[name, "=", ...words].join(" ")] : [] };
    })
    .filter(({ remove, add }) => remove.length + add.length > 0);
  const note =
    variables.length === 0
      ? RESTART
      : `take ${variables.map(({ text }) => quoted(shownUrl(text))).join(", ")} out of NIX_CONFIG; ${RESTART}`;
  return { edits, note };
}

/** The proxy says itself which key is its own, and anybody of this machine could listen there while it does not run. */
export function trustEdits(nix: NixFacts, keys: readonly string[]): Mend {
  const mend = settingEdits(nix, "trusted-public-keys", keys);
  const unheard = keys.filter((key) => !nix.settings["trusted-public-keys"].words.includes(key));
  if (unheard.length === 0) return mend;
  const first = "first compare the key with that of your proxy, cache.pub: whoever listens at its address says so";
  return { ...mend, note: mend.note === undefined ? first : `${first}; ${mend.note}` };
}

const LISTS: ReadonlySet<SettingName> = new Set([
  "substituters",
  "trusted-substituters",
  "trusted-public-keys",
  "trusted-users",
  "secret-key-files",
]);

/** The file is generated: what is to be changed is what generates it. */
function nixosMend(name: SettingName, words: readonly string[]): Mend {
  const texts = words.map((word) => JSON.stringify(word));
  const plain = /^(true|false|\d+)$/.test(words[0] ?? "") ? words[0]! : texts[0]!;
  const value = LISTS.has(name) ? `[ ${texts.join(" ")} ]` : plain;
  return {
    edits: [{ file: "configuration.nix", remove: [], add: [`nix.settings.${name} = lib.mkForce ${value};`] }],
    run: ["nixos-rebuild switch"],
  };
}
