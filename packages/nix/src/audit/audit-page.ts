/** An audit as one file for a person: what is to be looked at first, everything else behind a click, nothing fetched. */
import { html, type Html } from "../explanation/html.ts";
import { moment, nameIn, sentence } from "../explanation/page-words.ts";
import { printPage } from "../explanation/page.ts";
import {
  FINDING_TEXTS,
  FINDINGS,
  FINE_FINDINGS,
  type Audit,
  type AuditClaim,
  type AuditedPath,
  type AuditVote,
  type Finding,
  type VoterFigures,
} from "./model.ts";

/** Paths of one finding with all that is known; of further ones only the sentence: a browser must be able to open it. */
const WHOLE = 500;

export function auditPage(audit: Audit): string {
  const { roots, time, paths, voters } = audit;
  const title = roots.length === 1 ? nameIn(roots[0]!) : `${roots.length} closures`;
  const byFinding = Map.groupBy(paths, ({ finding }) => finding);
  const sections = FINDINGS.map((finding) => section(finding, byFinding.get(finding) ?? [], voters));
  return printPage(
    `Audit of ${title}`,
    html`<h1>Audit of ${title}</h1>
      ${roots.map((root) => html`<p class="path"><code>${root}</code></p>`)} ${verdictCard(audit)} ${bar(audit)}
      ${countsTable(audit)} ${votersTable(voters)} ${sections}
      <footer>As of ${moment(time)} UTC, by this machine's node and store.</footer>`,
    STYLE,
  );
}

function verdictCard({ counts, paths }: Audit): Html {
  const open = FINDINGS.filter((finding) => !FINE_FINDINGS.includes(finding) && counts[finding] > 0);
  const [tone, headline] =
    open.length === 0
      ? ["good", "Nothing to look at"]
      : counts.dissent > 0
        ? ["bad", `Dissent on ${many(counts.dissent)}`]
        : ["care", `${many(open.reduce((sum, finding) => sum + counts[finding], 0))} without enough agreement`];
  return html`<div class="card ${tone}">
    <strong>${headline}</strong>
    <p>${many(paths.length)} in all, ${counts.agreed.toLocaleString("en")} of them agreed.</p>
  </div>`;
}

function bar({ counts, paths }: Audit): Html {
  const parts = FINDINGS.toReversed()
    .filter((finding) => counts[finding] > 0)
    .map((finding) => {
      const share = ((100 * counts[finding]) / paths.length).toFixed(3);
      return html`<span class="${finding}" style="flex-basis: ${share}%"></span>`;
    });
  return html`<div class="bar" aria-hidden="true">${parts}</div>`;
}

function countsTable({ counts }: Audit): Html {
  return html`<div class="wide">
    <table class="narrow">
      <tbody>
        ${FINDINGS.filter((finding) => counts[finding] > 0).map(
          (finding) =>
            html`<tr>
              <th scope="row"><i class="${finding}"></i>${FINDING_TEXTS[finding].title}</th>
              <td class="number"><a href="#${finding}">${counts[finding].toLocaleString("en")}</a></td>
              <td>${FINDING_TEXTS[finding].meaning}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function votersTable(voters: readonly VoterFigures[]): Html {
  const row = ({ id, name, operator, claims, differing, silent }: VoterFigures): Html =>
    html`<tr>
      <th scope="row">
        ${name}<small
          >${operator === undefined ? undefined : html`of ${operator} · `}<code>${id.slice(0, 8)}</code></small
        >
      </th>
      <td class="number">${claims.toLocaleString("en")}</td>
      <td class="number">
        ${differing === 0 ? "0" : html`<span class="out">${differing.toLocaleString("en")}</span>`}
      </td>
      <td class="number">${silent.toLocaleString("en")}</td>
    </tr>`;
  return html`<h2>Voters</h2>
    <div class="wide">
      <table class="narrow">
        <thead>
          <tr>
            <th>Voter</th>
            <th class="number">Claims</th>
            <th class="number">Differ</th>
            <th class="number">Unheard</th>
          </tr>
        </thead>
        <tbody>
          ${voters.map(row)}
        </tbody>
      </table>
    </div>`;
}

function section(finding: Finding, paths: readonly AuditedPath[], voters: readonly VoterFigures[]): Html {
  if (paths.length === 0) return html``;
  const { title, meaning } = FINDING_TEXTS[finding];
  const rows = paths.map((path, i) => (i < WHOLE ? wholePath(path, voters) : shortPath(path)));
  const heading = html`<h2 id="${finding}">
      <i class="${finding}"></i>${title.charAt(0).toUpperCase() + title.slice(1)}: ${many(paths.length)}
    </h2>
    <p class="quiet">${meaning}</p>`;
  return FINE_FINDINGS.includes(finding)
    ? html`${heading}
        <details>
          <summary>Show them</summary>
          <div class="paths">${rows}</div>
        </details>`
    : html`${heading}
        <div class="paths">${rows}</div>`;
}

function wholePath(path: AuditedPath, voters: readonly VoterFigures[]): Html {
  const { installed, decided, votes } = path;
  const { builtHere, contentAddress, signedBy } = installed;
  const signed =
    signedBy.length === 0
      ? undefined
      : html`<dt>Signed by</dt>
          <dd>${signedBy.join(", ")} (not checked)</dd>`;
  const address =
    contentAddress === undefined
      ? undefined
      : html`<dt>Content address</dt>
          <dd><code>${contentAddress}</code></dd>`;
  return html`<details class="one">
    <summary><b>${nameIn(path.path)}</b> <span>${sentence(path.why)}</span></summary>
    <dl>
      <dt>Path</dt>
      <dd><code>${path.path}</code></dd>
      <dt>Installed${builtHere ? ", built here" : ""}</dt>
      <dd>${claimText({ digest: "", facts: installed.facts })}</dd>
      ${
        decided === undefined
          ? undefined
          : html`<dt>Decided, confidence ${decided.confidence}</dt>
              <dd>${claimText(decided)}</dd>`
      }
      ${address} ${signed} ${votes.map((vote, i) => voteItem(vote, voters[i]!.name))}
    </dl>
  </details>`;
}

function voteItem({ outcome, reason, claim, same }: AuditVote, voter: string): Html {
  const words =
    claim === undefined
      ? html`${OUTCOMES[outcome]}${reason === "" ? undefined : html`: ${reason}`}`
      : same === true
        ? html`claims what is installed`
        : html`<span class="out">claims</span> ${claimText(claim)}`;
  return html`<dt>${voter}</dt>
    <dd>${words}</dd>`;
}

const OUTCOMES = {
  claims: "claims nothing usable",
  absent: "has no claim",
  unreachable: "could not be reached",
  unverifiable: "could not be verified",
  stale: "is stale",
  excluded: "is excluded",
} as const;

function claimText({ digest, facts }: AuditClaim): Html {
  if (facts === undefined) return html`<code>value ${digest}</code>`;
  const { narHash, narSize, references } = facts;
  const refers = `${references.length} ${references.length === 1 ? "reference" : "references"}`;
  return html`<code>${narHash}</code> <small>${narSize.toLocaleString("en")} bytes, ${refers}</small>`;
}

function shortPath({ path, why }: AuditedPath): Html {
  return html`<p class="one"><code>${path}</code> ${sentence(why)}</p>`;
}

function many(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "path" : "paths"}`;
}

const STYLE = `
.bar { display: flex; height: .8rem; border-radius: .4rem; overflow: hidden; margin: 1.2rem 0; background: var(--line); }
.bar span { flex-grow: 0; flex-shrink: 1; min-width: 3px; }
i { display: inline-block; width: .7em; height: .7em; border-radius: .2em; margin-right: .5em; }
.agreed { background: #2e9960; } .content-addressed { background: #66b88c; } .own-build { background: #4f87c7; }
.undecided { background: #d9a62e; } .single-source { background: #e0bf5f; } .no-claim { background: #b7791f; } .dissent { background: #d23f26; }
table.narrow { min-width: 0; } th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
.paths { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
.one { padding: .45rem .9rem; margin: 0; border-bottom: 1px solid var(--line); } .one:last-child { border-bottom: 0; }
.one summary { cursor: pointer; overflow-wrap: anywhere; } .one summary span { color: var(--quiet); }
.one dl { padding: .5rem 0 .4rem 1.1rem; } .one small { color: var(--quiet); }
summary { cursor: pointer; } details > .paths { margin-top: .6rem; }
@media (max-width: 40rem) { .one dl { grid-template-columns: 1fr; gap: 0; } .one dd { margin-bottom: .5rem; } }
`;
