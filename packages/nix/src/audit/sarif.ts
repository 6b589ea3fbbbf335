/**
 * An audit as SARIF 2.1.0, which code scanning services read: one result for each path that somebody has to look at, with
 * the same fingerprint from run to run. What is fine is only counted.
 */
import { hashPartOf } from "@trustix/nix-formats";
import { FINDING_TEXTS, FINDINGS, FINE_FINDINGS, type Audit, type AuditedPath, type Finding } from "./model.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

const RULES: readonly Finding[] = FINDINGS.filter((finding) => !FINE_FINDINGS.includes(finding));

/** `version`: this program's. */
export function auditToSarif({ roots, time, paths, counts }: Audit, version: string): object {
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "trustix", version, rules: RULES.map(ruleOf) } },
        invocations: [{ executionSuccessful: true, endTimeUtc: new Date(time).toISOString() }],
        results: paths.filter(({ finding }) => RULES.includes(finding)).map(resultOf),
        properties: { roots, counts },
      },
    ],
  };
}

function levelOf(finding: Finding): "error" | "warning" {
  return finding === "dissent" ? "error" : "warning";
}

function ruleOf(finding: Finding): object {
  const { title, meaning, advice = "" } = FINDING_TEXTS[finding];
  return {
    id: finding,
    shortDescription: { text: title },
    fullDescription: { text: meaning },
    help: { text: advice },
    defaultConfiguration: { level: levelOf(finding) },
  };
}

function resultOf({ path, finding, why, installed, decided }: AuditedPath): object {
  return {
    ruleId: finding,
    ruleIndex: RULES.indexOf(finding),
    level: levelOf(finding),
    message: { text: messageText(`${path}: ${why}`) },
    // The line means nothing; a service that shows results beside lines refuses those without.
    locations: [{ physicalLocation: { artifactLocation: { uri: fileUri(path) }, region: { startLine: 1 } } }],
    partialFingerprints: { "storePath/v1": hashPartOf(path) },
    properties: {
      installed: installed.facts.narHash,
      ...(decided !== undefined && { decided: decided.facts?.narHash ?? decided.digest }),
    },
  };
}

/** Of a name's characters only the question mark means something else in a URI. */
function fileUri(path: string): string {
  return `file://${path.replaceAll("?", "%3F")}`;
}

/** Reasons come from strangers: brackets would be links, braces placeholders (SARIF 3.11.5, 3.11.6). */
function messageText(text: string): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}");
  return plain.replaceAll(/[[\]\\]/g, "\\$&").replaceAll(/[{}]/g, "$&$&");
}
