/** The spool: safe, drained, and empty, or how much waits and why. */
import { counted, lasting, quoted } from "../words.ts";
import type { NodeFacts, SpoolFacts } from "./facts.ts";
import { findingsOf, type Finding } from "./finding.ts";

const finding = findingsOf("spool");

/** Milliseconds that an item may wait before it is spoken of. */
const PATIENCE = 60_000;

export interface SpoolView {
  readonly now: number;
  readonly uid: number;
  readonly publishes: boolean;
  readonly node: NodeFacts;
}

export function judgeSpools(spools: readonly SpoolFacts[], view: SpoolView): Finding[] {
  return spools.flatMap((spool) => judgeSpool(spool, view));
}

function judgeSpool({ folder, state }: SpoolFacts, { now, uid, publishes, node }: SpoolView): Finding[] {
  switch (state.kind) {
    case "absent":
      return publishes ? [finding("ok", folder, "not there: the hook has noted nothing yet")] : [];
    case "unreadable":
      return [finding("note", folder, `it cannot be looked into: ${state.why}`)];
    case "folder": {
      const { owner, mode, waiting, oldest, bad, worker } = state;
      const findings: Finding[] = [];
      if ((mode & 0o022) !== 0) {
        const found = `others may write to it (mode ${mode.toString(8)}): hook and worker refuse it`;
        findings.push(finding("wrong", folder, found, { run: [`chmod 0700 ${quoted(folder)}`] }));
      }
      if (bad > 0) {
        const reasons = quoted(`${folder}/bad`);
        const run = [`cat ${reasons}/*.reason`, `rm -r ${reasons}`];
        findings.push(finding("warning", folder, `${counted(bad, "build", "builds")} could not be used`, { run }));
      }
      const since = oldest === undefined ? 0 : now - oldest;
      const items = counted(waiting, "build waits", "builds wait");
      if (waiting === 0) {
        findings.push(
          finding("ok", folder, worker === undefined ? "empty" : `empty, and drained by process ${worker.pid}`),
        );
      } else if (worker === undefined) {
        const run = [`${owner === uid ? "" : `sudo -u '#${owner}' `}trustix-nix spool`];
        findings.push(
          finding("warning", folder, `${items} and nobody drains it`, { run, note: "or run the daemon as its owner" }),
        );
      } else if (since > PATIENCE) {
        const why =
          node.kind === "away" ? `the node does not answer (${node.why})` : `the log of process ${worker.pid} says why`;
        findings.push(finding("warning", folder, `${items}, the first for ${lasting(since)}: ${why}`));
      } else findings.push(finding("ok", folder, `${items}, and process ${worker.pid} is at it`));
      return findings;
    }
  }
}
