/** An audit as one file for a person: what is to be looked at first, everything else behind a click, nothing fetched. */
import { hashPartOf, type StorePath } from "@trustix/nix-formats";
import { html, type Html } from "../explanation/html.ts";
import { moment, nameIn, sentence } from "../explanation/page-words.ts";
import { printPage, withCode } from "../explanation/page.ts";
import {
  FINDING_TEXTS,
  FINDINGS,
  FINE_FINDINGS,
  sharedWhy,
  type Audit,
  type AuditClaim,
  type AuditedPath,
  type AuditVote,
  type Finding,
  type VoterFigures,
} from "./model.ts";

const OPEN_FINDINGS = FINDINGS.filter((finding) => !FINE_FINDINGS.includes(finding));

/** Paths of one finding with all that is known; of further ones only the sentence: a browser must be able to open it. */
const WHOLE = 500;

export function auditPage(audit: Audit): string {
  const { roots, store, time, paths, voters } = audit;
  const title = roots.length === 1 ? nameIn(roots[0]!) : `${roots.length} closures`;
  const byFinding = Map.groupBy(paths, ({ finding }) => finding);
  const sections = FINDINGS.map((finding) => section(finding, byFinding.get(finding) ?? [], voters));
  return printPage(
    `Audit of ${title}`,
    html`<h1>Audit of ${title}</h1>
      ${roots.map((root) => html`<p class="path"><code>${root}</code></p>`)} ${verdictCard(audit)} ${bar(audit)}
      ${countsTable(audit)} ${votersTable(voters)} ${sections}
      <footer>
        As of ${moment(time)} UTC, by this machine's node and
        ${store === undefined ? "store" : html`the store <code>${store}</code>`}.
      </footer>`,
    STYLE,
  );
}

function verdictCard({ counts, paths }: Audit): Html {
  const open = OPEN_FINDINGS.reduce((sum, finding) => sum + counts[finding], 0);
  const [tone, headline] =
    open === 0
      ? ["good", "Nothing to look at"]
      : counts.dissent > 0
        ? ["bad", `Dissent on ${many(counts.dissent)}`]
        : ["care", `${many(open)} without enough agreement`];
  const others = open - counts.dissent;
  const more = counts.dissent > 0 && others > 0 ? ` ${figure(others)} more without enough agreement.` : "";
  return html`<div class="card ${tone}">
    <strong>${headline}</strong>
    <p>${many(paths.length)} in all, ${figure(counts.agreed)} of them agreed.${more}</p>
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
  const shares = sharesOf(FINDINGS.map((finding) => counts[finding]));
  return html`<div class="wide">
    <table class="narrow">
      <tbody>
        ${FINDINGS.filter((finding) => counts[finding] > 0).map(
          (finding) =>
            html`<tr>
              <th scope="row"><i class="${finding}"></i>${FINDING_TEXTS[finding].title}</th>
              <td class="number"><a href="#${finding}">${figure(counts[finding])}</a></td>
              <td class="number share">${shareText(shares[FINDINGS.indexOf(finding)]!)}</td>
              <td>${FINDING_TEXTS[finding].meaning}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** 0 for less than 1. */
function shareText(percent: number): string {
  return percent === 0 ? "under 1 %" : `${percent} %`;
}

/**
 * Whole percents of counts that add up to 100: rounded down, and what that leaves goes to those that lost most. 0 for what
 * is there and less than 1; such a one takes the place of a whole percent, so that 100 is only said of all.
 */
export function sharesOf(counts: readonly number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const exact = counts.map((count) => (all === 0 ? 0 : (100 * count) / all));
  const shares = exact.map(Math.floor);
  const small = shares.filter((share, i) => share === 0 && counts[i]! > 0).length;
  let left = Math.max(0, 100 - small - shares.reduce((sum, share) => sum + share, 0));
  const lost = (i: number): number => exact[i]! - shares[i]!;
  const byLoss = [...shares.keys()].filter((i) => shares[i]! > 0).sort((a, b) => lost(b) - lost(a) || a - b);
  for (const i of byLoss) if (left-- > 0) shares[i]!++;
  return shares;
}

function votersTable(voters: readonly VoterFigures[]): Html {
  const row = ({ id, name, operator, claims, differing, silent }: VoterFigures): Html =>
    html`<tr>
      <th scope="row">
        ${name}<small
          >${operator === undefined ? undefined : html`of ${operator} · `}<code>${id.slice(0, 8)}</code></small
        >
      </th>
      <td class="number">${figure(claims)}</td>
      <td class="number">${differing === 0 ? "0" : html`<span class="out">${figure(differing)}</span>`}</td>
      <td class="number">${figure(silent)}</td>
    </tr>`;
  return html`<h2>Voters</h2>
    <div class="wide">
      <table class="narrow voters">
        <thead>
          <tr>
            <th>Voter</th>
            <th class="number">Claims</th>
            <th class="number">Differing</th>
            <th class="number">Unheard</th>
          </tr>
        </thead>
        <tbody>
          ${voters.map(row)}
        </tbody>
      </table>
    </div>
    <p class="quiet">
      Differing: claims of something else than what was decided or, where nothing was, than what is installed. Unheard:
      paths for which the voter could not be asked, or did not count.
    </p>`;
}

function section(finding: Finding, all: readonly AuditedPath[], voters: readonly VoterFigures[]): Html {
  if (all.length === 0) return html``;
  const { title, meaning, advice } = FINDING_TEXTS[finding];
  // Those that somebody contradicts are what a reader looks for among those that are fine.
  const disputed = all.filter(isDisputed);
  const paths = [...disputed, ...all.filter((path) => !isDisputed(path))];
  const why = sharedWhy(paths);
  const isSaid = why !== undefined;
  const rows = paths.map((path, i) => (i < WHOLE ? wholePath(path, voters, isSaid) : shortPath(path, isSaid)));
  const list = html`<div class="paths">${rows}</div>`;
  return html`<section>
    <h2 id="${finding}">
      <i class="${finding}"></i>${title.charAt(0).toUpperCase() + title.slice(1)}: ${many(paths.length)}
    </h2>
    <p>${meaning}</p>
    ${advice === undefined ? undefined : html`<p class="quiet">${withCode(advice)}</p>`}
    ${isSaid && why !== "" ? html`<p class="quiet">All of them: ${shortened(why)}</p>` : undefined}
    ${
      finding === "agreed" && disputed.length > 0
        ? html`<p class="quiet">Of ${many(disputed.length)}, listed first, a voter claims something else.</p>`
        : undefined
    }
    ${
      FINE_FINDINGS.includes(finding)
        ? html`<details>
            <summary>Show ${paths.length === 1 ? "it" : "them"}</summary>
            ${list}
          </details>`
        : list
    }
  </section>`;
}

function isDisputed({ votes }: AuditedPath): boolean {
  return votes.some(({ same }) => same === false);
}

/** Whole hashes stand with the details. */
function shortened(text: string): string {
  return text.replaceAll(/(sha256-[A-Za-z0-9+/]{8})[A-Za-z0-9+/]{35}=/g, "$1…");
}

/** Packages of one name are told apart by the beginning of their hashes. */
function nameAndHash(path: StorePath): Html {
  return html`<b>${nameIn(path)}</b> <code class="quiet">${hashPartOf(path).slice(0, 8)}</code>`;
}

function wholePath(path: AuditedPath, voters: readonly VoterFigures[], isSaid: boolean): Html {
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
    <summary>
      ${nameAndHash(path.path)}${isSaid ? undefined : html`<span>${sentence(shortened(path.why))}</span>`}
    </summary>
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
  return html`<code>${narHash}</code> <small>${figure(narSize)} ${narSize === 1 ? "byte" : "bytes"}, ${refers}</small>`;
}

function shortPath({ path, why }: AuditedPath, isSaid: boolean): Html {
  return html`<p class="one">
    <code>${path}</code>${isSaid ? undefined : html`<span>${sentence(shortened(why))}</span>`}
  </p>`;
}

function many(count: number): string {
  return `${figure(count)} ${count === 1 ? "path" : "paths"}`;
}

/** Digits in threes. */
function figure(count: number): string {
  return count.toLocaleString("en");
}

const STYLE = `
.bar { display: flex; gap: 2px; height: .8rem; border-radius: .4rem; overflow: hidden; margin: 1.2rem 0; }
.bar span { flex-grow: 0; flex-shrink: 1; min-width: 4px; }
i { display: inline-block; width: .7em; height: .7em; border-radius: .2em; margin-right: .5em; }
.agreed { background: #2e9960; } .content-addressed { background: #66b88c; } .own-build { background: #4f87c7; }
.undecided { background: #d9a62e; } .single-source { background: #e0bf5f; } .no-claim { background: #b7791f; } .dissent { background: #d23f26; }
table.narrow { min-width: 0; } th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.share { color: var(--quiet); } .voters th:first-child { width: 50%; white-space: normal; overflow-wrap: anywhere; }
.paths { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); margin-top: .8rem; }
.one { padding: .5rem .9rem; margin: 0; border-bottom: 1px solid var(--line); } .one:last-child { border-bottom: 0; }
.one summary { cursor: pointer; overflow-wrap: anywhere; } .one > span, .one summary span { display: block; color: var(--quiet); overflow-wrap: anywhere; }
.one summary span { padding-left: 1.1rem; } .one dl { padding: .7rem 0 .4rem 1.1rem; } .one dd, .one dt { overflow-wrap: anywhere; }
.one small { color: var(--quiet); white-space: nowrap; }
summary { cursor: pointer; } details > summary { width: fit-content; max-width: 100%; }
.one[open] { background: var(--back); }
@media (max-width: 40rem) { .one dl { grid-template-columns: 1fr; gap: 0; padding-left: 0; } .one dd { margin-bottom: .6rem; } td.share { display: none; }
  th, td { padding: .5rem .55rem; } .voters thead th { white-space: normal; } }
@media print { .paths, .wide, .card { break-inside: auto; } .one { break-inside: avoid; } }
`;
