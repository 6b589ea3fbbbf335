/** Private keys and tokens: there, readable by their owner alone, and the right ones. */
import { quoted } from "../words.ts";
import type { SecretFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("keys");

export function judgeKeys(secrets: readonly SecretFacts[], uid: number): Finding[] {
  return secrets.flatMap((secret) => judgeSecret(secret, uid));
}

function judgeSecret({ what, path, found }: SecretFacts, uid: number): Finding[] {
  const looked = `${what}, ${path}`;
  switch (found.kind) {
    case "absent": {
      if (!found.needed) return [];
      const note = "put its copy back: with another key it is another log, and those who follow it have to be told";
      return [finding("wrong", looked, "it is not there", { note })];
    }
    case "unreadable":
      return [finding(uid === 0 ? "wrong" : "note", looked, `it cannot be read: ${found.why}`)];
    case "file": {
      const { mode, owner, wrong } = found;
      const open = (mode & 0o077) !== 0;
      const findings: Finding[] = [];
      if (wrong !== undefined) findings.push(finding("wrong", looked, wrong));
      if (open) {
        const run = [`chmod 600 ${quoted(path)}`];
        findings.push(
          finding("wrong", looked, `others may read it or write to it (mode ${mode.toString(8)})`, { run }),
        );
      }
      return findings.length > 0 ? findings : [finding("ok", looked, `only user ${owner} may read it`)];
    }
  }
}
