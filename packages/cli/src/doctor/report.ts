/** Findings as people read them, and as scripts do. */
import { GROUPS, type Finding, type Mend, type Severity } from "./finding.ts";

const WORDS: Readonly<Record<Severity, string>> = { ok: "ok", note: "note", warning: "warning", wrong: "WRONG" };

export function reportLines(findings: readonly Finding[]): string[] {
  const lines = GROUPS.flatMap((group) => {
    const own = findings.filter((finding) => finding.group === group);
    return own.length === 0 ? [] : [group, ...own.flatMap(findingLines)];
  });
  return [...lines, verdict(findings)];
}

function findingLines({ severity, looked, found, mend }: Finding): string[] {
  const line = `  ${WORDS[severity].padEnd(8)} ${looked}: ${found}`;
  // What is well needs no mending.
  return mend === undefined ? [line] : [line, ...mendLines(mend).map((more) => `           ${more}`)];
}

function mendLines({ edits = [], run = [], note }: Mend): string[] {
  return [
    ...edits.flatMap(({ file, remove, add }) => [
      `in ${file}:`,
      ...remove.map((line) => `- ${line}`),
      ...add.map((line) => `+ ${line}`),
    ]),
    ...run.map((command) => `$ ${command}`),
    ...(note === undefined ? [] : [`(${note})`]),
  ];
}

function verdict(findings: readonly Finding[]): string {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  const parts = (["wrong", "warning", "note", "ok"] as const).map((severity) => `${count(severity)} ${severity}`);
  return parts.join(", ");
}

export function reportJson(findings: readonly Finding[]): object {
  return { ok: isWell(findings), findings };
}

export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity !== "wrong");
}
