/**
 * Other ways in: all through which Nix would accept what the vote refuses. Any substituter with a valid signature of any
 * trusted key is enough, whatever its priority: priorities only say who is asked first.
 */
import { quoted } from "../words.ts";
import type { NixFacts, ReadConfiguration } from "./facts.ts";
import { findingsOf, type Finding, type Severity } from "./finding.ts";
import { settingEdits, trustEdits } from "./nix-edits.ts";
import { isOn, isTrue, keyName, parameters, shownUrl, viewOf, withoutParameter } from "./nix-view.ts";

const finding = findingsOf("other ways in");

export function judgeWaysIn(
  nix: NixFacts,
  configuration: ReadConfiguration | undefined,
  decides: boolean | undefined,
): Finding[] {
  if (!decides && viewOf(nix).asked.length === 0) return [];
  // While a policy only looks on, Nix is meant to take what upstreams sign.
  const enforced = configuration?.policies.find(({ isNix }) => isNix)?.mode ?? "enforce";
  const bad: Severity = enforced === "enforce" ? "wrong" : "warning";
  const found = [
    ...unsigned(nix, bad),
    ...otherCaches(nix, configuration, bad),
    ...trustedSubstituters(nix),
    ...trustedUsers(nix, bad),
    ...flakes(nix, bad),
    ...machines(nix),
    ...ownSigning(nix),
  ];
  return found.length > 0 ? found : [finding("ok", "Nix's settings", "nothing but the proxy's answers is accepted")];
}

/** Without signatures: everybody whom Nix asks may serve anything. */
function unsigned(nix: NixFacts, bad: Severity): Finding[] {
  const { settings } = nix;
  const findings: Finding[] = [];
  if (!isOn(settings["require-sigs"])) {
    const found = "false: Nix takes what any cache serves, signed or not";
    findings.push(finding(bad, "require-sigs", found, settingEdits(nix, "require-sigs", ["true"])));
  }
  const store = settings.store.words[0] ?? "";
  if (parameters(store).some(([name, value]) => name === "require-sigs" && !isTrue(value))) {
    const found = `${shownUrl(store)}: this store takes what any cache serves, signed or not`;
    const mend = settingEdits(nix, "store", [withoutParameter(store, "require-sigs")]);
    findings.push(finding(bad, "store", found, mend));
  }
  for (const url of settings.substituters.words) {
    if (!parameters(url).some(([name, value]) => name === "trusted" && isTrue(value))) continue;
    const found = `${shownUrl(url)}: "trusted" in its address means that its paths need no signature`;
    const wanted = viewOf(nix).wantedSubstituters.map((one) => withoutParameter(one, "trusted"));
    findings.push(finding(bad, "substituters", found, settingEdits(nix, "substituters", wanted)));
  }
  return findings;
}

function otherCaches(nix: NixFacts, configuration: ReadConfiguration | undefined, bad: Severity): Finding[] {
  const { others, otherKeys, wantedSubstituters, wantedKeys } = viewOf(nix);
  const keys = otherKeys.map(keyName).join(", ");
  const findings: Finding[] = [];
  if (others.length > 0) {
    const mend = settingEdits(nix, "substituters", wantedSubstituters);
    const urls = others.map(shownUrl).join(", ");
    const found =
      otherKeys.length > 0
        ? `Nix asks ${urls} too, and takes what ${keys} signed whatever the vote says and whatever the priorities are`
        : `Nix asks ${urls} too; no other key than the proxy's is trusted, so that only what needs no signature is taken from there`;
    findings.push(finding(otherKeys.length > 0 ? bad : "note", "substituters", found, mend));
  }
  if (otherKeys.length > 0) {
    const needed = otherKeys.flatMap((key) => {
      const user = configuration?.upstreamKeys.find((upstream) => upstream.key === key);
      return user === undefined ? [] : [keyName(key)];
    });
    const proxys =
      needed.length === 0 ? "" : ` (for the proxy, ${needed.join(", ")} in its own configuration is enough)`;
    const found =
      others.length > 0
        ? `${keys}: Nix itself takes what these keys sign, from anywhere${proxys}`
        : `${keys}: no cache with these keys is asked, but any user may fetch from one, \`nix copy --from\`, and Nix takes it without a vote${proxys}`;
    const mend =
      wantedKeys === undefined
        ? { note: "leave the proxy's key alone in trusted-public-keys" }
        : trustEdits(nix, wantedKeys);
    findings.push(finding(others.length > 0 ? bad : "warning", "trusted-public-keys", found, mend));
  }
  return findings;
}

function trustedSubstituters(nix: NixFacts): Finding[] {
  const { otherKeys, asked } = viewOf(nix);
  const words = nix.settings["trusted-substituters"].words.filter((url) => !asked.some((proxy) => proxy.url === url));
  if (words.length === 0) return [];
  const found = `any user may have Nix ask ${words.map(shownUrl).join(", ")}, with --option substituters`;
  const then =
    otherKeys.length === 0
      ? "; only what needs no signature is taken from there"
      : ", and it takes what trusted keys signed there";
  const mend = settingEdits(nix, "trusted-substituters", []);
  return [finding(otherKeys.length === 0 ? "note" : "warning", "trusted-substituters", `${found}${then}`, mend)];
}

function trustedUsers(nix: NixFacts, bad: Severity): Finding[] {
  const users = nix.settings["trusted-users"].words.filter((user) => user !== "root");
  if (users.length === 0) return [];
  const everybody = users.includes("*");
  const who = everybody ? "every user" : users.join(", ");
  const found = `${who} may name other caches and keys, or put unsigned paths into the store: the vote binds nobody who does`;
  return [finding(everybody ? bad : "warning", "trusted-users", found, settingEdits(nix, "trusted-users", ["root"]))];
}

function flakes(nix: NixFacts, bad: Severity): Finding[] {
  const findings: Finding[] = [];
  if (isOn(nix.settings["accept-flake-config"])) {
    const found = "true: the nixConfig of any flake that is built may add caches and keys, and nobody is asked";
    findings.push(finding(bad, "accept-flake-config", found, settingEdits(nix, "accept-flake-config", ["false"])));
  }
  const { file, settings } = nix.acceptedFromFlakes;
  if (settings.length > 0) {
    const list = settings.map(([name, words]) => `${name} = ${words}`).join("; ");
    const found = `accepted from flakes once and for all: ${list}`;
    findings.push(finding("warning", file, found, { run: [`rm ${quoted(file)}`], note: "Nix then asks again" }));
  }
  return findings;
}

function machines({ machines: hosts }: NixFacts): Finding[] {
  if (hosts.length === 0) return [];
  const found = `what is built on ${hosts.join(", ")} is taken as it comes, without signature and vote, like a build on this machine`;
  return [finding("note", "builders", found)];
}

function ownSigning({ settings }: NixFacts): Finding[] {
  const files = settings["secret-key-files"].words;
  if (files.length === 0) return [];
  return [
    finding(
      "note",
      "secret-key-files",
      `what the keys in ${files.join(", ")} signed is taken too, whoever else holds them`,
    ),
  ];
}
