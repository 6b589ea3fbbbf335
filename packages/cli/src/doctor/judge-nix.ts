/** Whether Nix asks the proxy, takes what it signs, and asks again soon for what was not decided yet. */
import type { AskedFacts, NixFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";
import { settingEdits, trustEdits } from "./nix-edits.ts";
import { isOn, keyName, parameters, samePlace, shownUrl, viewOf } from "./nix-view.ts";

const finding = findingsOf("Nix client");

/** Seconds that Nix may remember that a path was not there. */
const SOON = 60;
const WANTED_TTL = "10";
/** What Nix takes where a cache says nothing. */
const DEFAULT_PRIORITY = 50;

/** `decides`: whether this node has anybody to decide by, for Nix; `undefined`: nobody knows. */
export function judgeNix(nix: NixFacts, asked: readonly AskedFacts[], decides: boolean | undefined): Finding[] {
  const read = judgeReading(nix);
  const view = viewOf(nix);
  if (decides === undefined && view.asked.length === 0) {
    const found =
      "whether a proxy is needed cannot be told: neither a configuration nor a daemon says whom this node follows";
    const note = "name them with --config FILE or --address URL";
    return [...read, finding("note", "substituters", found, { note })];
  }
  if (!decides && view.asked.length === 0) {
    const found = "this node follows nobody for Nix: no proxy is needed";
    return [...read, finding("ok", "substituters", found)];
  }
  return [...read, ...judgeProxy(nix), ...judgePriority(nix, asked), ...judgeKey(nix), ...judgeAskingAgain(nix)];
}

function judgeReading({ program, mainFile, illegal, throughDaemon }: NixFacts): Finding[] {
  const how =
    program.version !== undefined
      ? finding("ok", "settings", `as ${program.version} itself has them, for this user`)
      : finding("note", "settings", `read from ${mainFile} and the files beside it, because ${program.why}`);
  const wrong = illegal.map(({ from, why }) => {
    const mend =
      from.file === "NIX_CONFIG"
        ? { note: "take it out of NIX_CONFIG" }
        : { edits: [{ file: from.file, remove: [from.text], add: [] }] };
    return finding("wrong", `${from.file} line ${from.line}`, `Nix refuses it: ${why}`, mend);
  });
  if (!throughDaemon) return [how, ...wrong];
  const found = "a Nix daemon works for this user, and goes by root's settings: only root sees those";
  return [how, ...wrong, finding("note", "the Nix daemon", found, { run: ["sudo trustix doctor"] })];
}

function judgeProxy(nix: NixFacts): Finding[] {
  const { asked, wantedSubstituters } = viewOf(nix);
  const { proxies, proxyAddress, settings } = nix;
  const findings: Finding[] = [];
  if (asked.length === 0) {
    if (proxies.length === 0) {
      const key = "nix-store --generate-binary-cache-key my-proxy-1 cache.key cache.pub";
      const start = `trustix-nix binary-cache-proxy --privkey cache.key --listen ${URL.parse(proxyAddress)?.host ?? ""}`;
      const note = "the first only if there is no key yet; the second as a service, with the node's --config";
      const found = "no proxy of ours answers there or at any substituter";
      findings.push(finding("wrong", proxyAddress, found, { run: [key, start], note }));
    }
    const mend = settingEdits(nix, "substituters", wantedSubstituters);
    findings.push(
      finding("wrong", "substituters", "the proxy is not among them: Nix never asks what was decided", mend),
    );
  }
  for (const { url, status } of proxies) {
    if (status === "ok") findings.push(finding("ok", `the proxy at ${shownUrl(url)}`, "it answers, and its node too"));
    else {
      const found = `it is ${status}: its node does not answer, and only what is decided already is served`;
      findings.push(finding("warning", `the proxy at ${shownUrl(url)}`, found));
    }
  }
  if (!isOn(settings.substitute)) {
    const mend = settingEdits(nix, "substitute", ["true"]);
    findings.push(finding("warning", "substitute", "false: Nix asks nobody and builds everything", mend));
  } else if (asked.length > 0) findings.push(finding("ok", "substituters", "the proxy is among them"));
  return findings;
}

/** Lower is asked first. */
function judgePriority(nix: NixFacts, asked: readonly AskedFacts[]): Finding[] {
  const { asked: proxies, others, wantedSubstituters } = viewOf(nix);
  const first = Math.min(...proxies.map((proxy) => priorityIn(proxy.url) ?? proxy.priority ?? DEFAULT_PRIORITY));
  if (proxies.length === 0) return [];
  return others.flatMap((url) => {
    const outcome = asked.find((one) => samePlace(one.url, shownUrl(url)))?.outcome;
    const told = outcome?.kind === "answered" ? outcome.priority : undefined;
    const priority = priorityIn(url) ?? told ?? DEFAULT_PRIORITY;
    if (priority > first) return [];
    const found = `its priority is ${priority}, the proxy's ${first}, and lower is asked first: it answers before the proxy is asked`;
    return [finding("warning", shownUrl(url), found, settingEdits(nix, "substituters", wantedSubstituters))];
  });
}

function priorityIn(url: string): number | undefined {
  const text = parameters(url).find(([name]) => name === "priority")?.[1] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function judgeKey(nix: NixFacts): Finding[] {
  const { wantedKeys } = viewOf(nix);
  const looked = "trusted-public-keys";
  const trusted = nix.settings[looked].words;
  if (wantedKeys === undefined) {
    if (nix.proxies.length === 0) return [];
    return [finding("note", looked, "the proxy does not say which key it signs with: is it an older version?")];
  }
  const mend = trustEdits(nix, wantedKeys);
  const missing = wantedKeys.filter((key) => !trusted.includes(key));
  if (missing.length === 0)
    return [finding("ok", looked, `the proxy's key ${wantedKeys.map(keyName).join(", ")} is trusted`)];
  return missing.map((key) => {
    const other = trusted.find((one) => keyName(one) === keyName(key));
    const found =
      other === undefined ? "is not trusted" : "has the name of another key that is trusted, and is not trusted itself";
    return finding(
      "wrong",
      looked,
      `the proxy's key ${keyName(key)} ${found}: Nix takes nothing of what it serves`,
      mend,
    );
  });
}

function judgeAskingAgain(nix: NixFacts): Finding[] {
  const looked = "narinfo-cache-negative-ttl";
  const seconds = Number(nix.settings[looked].words[0]);
  if (seconds <= SOON) return [finding("ok", looked, `${seconds}: what is decided later is found soon`)];
  const found = `${seconds}: a path that was not decided when Nix asked stays refused for so many seconds, even when it is decided meanwhile`;
  return [finding("warning", looked, found, settingEdits(nix, looked, [WANTED_TTL]))];
}
