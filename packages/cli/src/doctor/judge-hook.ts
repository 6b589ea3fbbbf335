/** The post-build hook: named in nix.conf, there, ours, and exiting 0, because Nix ends the whole build otherwise. */
import { quoted } from "../words.ts";
import type { HookFacts, NixFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";
import { settingEdits } from "./nix-edits.ts";

const finding = findingsOf("hook");

const NO_LOG = ", and this node publishes no Nix log";

/** `publishes`: whether this node publishes a Nix log; `undefined`: nobody knows. */
export function judgeHook({ path, ours, found }: HookFacts, nix: NixFacts, publishes: boolean | undefined): Finding[] {
  const looked = "post-build-hook";
  const mend = settingEdits(nix, "post-build-hook", [ours ?? "/usr/local/bin/trustix-nix-hook"]);
  if (path === undefined || found === undefined) {
    if (!publishes) return [finding("ok", looked, `not set${publishes === false ? NO_LOG : ""}`)];
    return [finding("warning", looked, "not set: what Nix builds here is not published by itself", mend)];
  }
  switch (found.kind) {
    case "absent":
      return [finding("wrong", looked, `${path} cannot be run: ${found.why}; every build fails`, mend)];
    case "unsafe": {
      const why = `${path} was not run: ${found.why}, and Nix runs it as whoever builds`;
      return [finding("wrong", looked, why, { run: [found.command] })];
    }
    case "not executable":
      return [
        finding("wrong", looked, `${path} may not be run: every build fails`, { run: [`chmod +x ${quoted(path)}`] }),
      ];
    case "foreign": {
      if (!publishes)
        return [finding("ok", looked, `${path} is another program's${publishes === false ? NO_LOG : ""}`)];
      const note = `let it end with: exec ${quoted(ours ?? "trustix-nix-hook")}`;
      return [
        finding("warning", looked, `${path} is another program's, and was not run: builds are not noted`, { note }),
      ];
    }
    case "ran": {
      const { how, exit, said } = found;
      if (exit === undefined)
        return [finding("wrong", looked, `${path} does not end (${how}): builds wait for it`, mend)];
      if (exit !== 0) {
        return [
          finding(
            "wrong",
            looked,
            `${path} exits ${exit} (${how}): every build fails${said === "" ? "" : `; it said: ${said}`}`,
            mend,
          ),
        ];
      }
      if (publishes === false) {
        return [
          finding("warning", looked, `${path} notes what is built${NO_LOG}`, {
            note: "take the line out, or add a [[publishers]] entry",
          }),
        ];
      }
      return [finding("ok", looked, `${path} exits 0 (${how})`)];
    }
  }
}
