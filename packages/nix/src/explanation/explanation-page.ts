/** An explanation as a page for a person. */
import { describeProof, type ExplainedClaim, type ExplainedVoter, type Explanation } from "./explanation.ts";
import { html, type Html } from "./html.ts";
import { MAX_SENTENCE, moment, nameIn, sentence } from "./page-words.ts";
import { printPage } from "./page.ts";

/** What becomes of the path where the page comes from, in words. */
export interface Consequence {
  readonly tone: Tone;
  readonly headline: string;
  /** One sentence; may be empty. */
  readonly why: string;
}

export type Tone = "good" | "care" | "bad";

export interface PageOptions {
  readonly consequence: Consequence | undefined;
  readonly receipt: { readonly href: string; readonly keptSince: number | undefined } | undefined;
  readonly jsonHref: string | undefined;
}

export function explanationPage(explanation: Explanation, { consequence, receipt, jsonHref }: PageOptions): string {
  const { key: path, time, policy, decision } = explanation;
  const camps = campsOf(explanation);
  return printPage(
    nameIn(path),
    html`<h1>${nameIn(path)}</h1>
      <p class="path"><code>${path}</code></p>
      ${verdictCard(explanation)}${consequence === undefined ? undefined : consequenceCard(consequence, explanation.reason)}
      <h2>Who says what</h2>
      ${votersTable(explanation.voters, camps)} ${decision?.facts === undefined ? undefined : factsList(decision)}
      ${policy.length === 0 ? undefined : policyList(policy)}
      ${receipt === undefined ? undefined : receiptSection(receipt)}
      <footer>
        As of ${moment(time)}, by this machine's node. Times are UTC.
        ${jsonHref === undefined ? undefined : html`<a href="${jsonHref}">The same as JSON</a>.`}
      </footer>`,
  );
}

function verdictCard({ decision, conflict, reason, until }: Explanation): Html {
  const [tone, headline] =
    decision !== undefined
      ? ["good", "Enough of them agree"]
      : conflict
        ? ["bad", "Conflict: more than one value has enough"]
        : ["care", "Not decided"];
  const confidence = decision === undefined ? undefined : html`<p>Confidence ${decision.confidence} of 100.</p>`;
  const end = until === undefined ? undefined : html`<p>Holds until ${moment(until)}.</p>`;
  return html`<div class="card ${tone}">
    <strong>${headline}</strong>
    <p>${sentence(reason)}</p>
    ${confidence}${end}
  </div>`;
}

/** What was just said is not said again. */
function consequenceCard({ tone, headline, why }: Consequence, said: string): Html {
  return html`<div class="card ${tone}">
    <strong>${headline}</strong>${why === "" || why === said ? undefined : html`<p>${sentence(why)}</p>`}
  </div>`;
}

interface Camp {
  readonly letter: string;
  /** Of its style: the decided one looks like no other. */
  readonly look: string;
}

/** As many claims have colours of their own; further ones have their letters. */
const CAMP_LOOKS = 6;

/** Which claims are the same, by a letter: A is the decided one, else the one of most voters that count. */
function campsOf({ decision, voters }: Explanation): ReadonlyMap<string, Camp> {
  const sizes = new Map<string, number>();
  for (const { claim, outcome } of voters) {
    if (claim === undefined) continue;
    const key = claim.opinion;
    sizes.set(key, (sizes.get(key) ?? 0) + (outcome === "claims" ? 1 : 0));
  }
  const first = decision === undefined ? undefined : decision.opinion;
  const rank = ([key, size]: readonly [string, number]): number => (key === first ? Infinity : size);
  const sorted = [...sizes].sort((a, b) => rank(b) - rank(a));
  return new Map(
    sorted.map(([key], i) => {
      const look = key === first ? "camp-decided" : i < CAMP_LOOKS ? `camp-${i}` : "camp-more";
      return [key, { letter: i < 26 ? String.fromCharCode(65 + i) : String(i + 1), look }];
    }),
  );
}

function votersTable(voters: readonly ExplainedVoter[], camps: ReadonlyMap<string, Camp>): Html {
  if (voters.length === 0) return html`<p>Nobody votes.</p>`;
  return html`<div class="wide">
    <table class="stacked">
      <thead>
        <tr>
          <th>Voter</th>
          <th>Says</th>
          <th>Known here since</th>
          <th>Shown by</th>
        </tr>
      </thead>
      <tbody>
        ${voters.map((voter) => voterRow(voter, camps))}
      </tbody>
    </table>
  </div>`;
}

function voterRow(voter: ExplainedVoter, camps: ReadonlyMap<string, Camp>): Html {
  const { id, name, operator, since, shownBy } = voter;
  const shown =
    shownBy.kind === "narinfo"
      ? html`<details>
          <summary>${describeProof(voter)}</summary>
          <code class="lines">${narInfoText(shownBy.narInfo)}</code>
        </details>`
      : html`${describeProof(voter)}`;
  return html`<tr>
    <th scope="row">
      ${name}<small
        >${operator === undefined ? undefined : html`of ${operator} · `}<code>${id.slice(0, 8)}</code></small
      >
    </th>
    <td>${saying(voter, camps)}</td>
    ${since === undefined ? html`<td></td>` : html`<td data-title="Known here since"><span class="date">${moment(since)}</span></td>`}
    <td data-title="Shown by">${shown}</td>
  </tr>`;
}

const SAYS = {
  claims: "claims nothing usable",
  absent: "has no claim",
  unreachable: "could not be reached",
  unverifiable: "could not be verified",
  stale: "is stale: does not count",
  excluded: "is excluded: does not count",
} as const;

function saying({ outcome, reason, claim }: ExplainedVoter, camps: ReadonlyMap<string, Camp>): Html {
  const why = reason === "" ? undefined : html`<small>${sentence(reason)}</small>`;
  if (outcome === "claims" && claim !== undefined) return html`${claimed(claim, camps)}${why}`;
  const isOut = outcome === "excluded" || outcome === "unverifiable";
  const said = isOut ? html`<span class="out">${SAYS[outcome]}</span>` : html`${SAYS[outcome]}`;
  const besides = claim === undefined ? undefined : html`<small>It claims <s>${claimed(claim, camps)}</s></small>`;
  return html`${said}${why}${besides}`;
}

function claimed(claim: ExplainedClaim, camps: ReadonlyMap<string, Camp>): Html {
  const { letter, look } = camps.get(claim.opinion)!;
  const { facts, opinion, flaw } = claim;
  // The digits by which sentences name it.
  const short = html`<code class="quiet">${opinion.slice(0, 8)}</code>`;
  const why = flaw === undefined ? undefined : html`<small>${sentence(flaw)}</small>`;
  const what = facts === undefined ? html`${short}${why}` : html`<code>${facts.narHash}</code> ${short}`;
  return html`<span class="claim"><span class="camp ${look}">${letter}</span>${what}</span>`;
}

function factsList({ facts, digest }: ExplainedClaim): Html {
  const { narHash, narSize, references } = facts!;
  const list = references.map((reference) => html`<li><code>${reference}</code></li>`);
  const count = `${references.length} ${references.length === 1 ? "path" : "paths"}`;
  return html`<h2>What was decided</h2>
    <div class="card">
      <dl>
        <dt>NAR hash</dt>
        <dd><code>${narHash}</code></dd>
        <dt>NAR size</dt>
        <dd>${narSize.toLocaleString("en")} ${narSize === 1 ? "byte" : "bytes"}</dd>
        <dt>Refers to</dt>
        <dd>
          ${
            list.length === 0
              ? "nothing"
              : html`<details>
                  <summary>${count}</summary>
                  <ul>
                    ${list}
                  </ul>
                </details>`
          }
        </dd>
        <dt>Digest</dt>
        <dd><code>${digest}</code></dd>
      </dl>
    </div>`;
}

function policyList(policy: readonly string[]): Html {
  return html`<h2>By which policy</h2>
    <ul>
      ${policy.map((one) => html`<li>${sentence(one)}</li>`)}
    </ul>`;
}

function receiptSection({ href, keptSince }: { readonly href: string; readonly keptSince: number | undefined }): Html {
  const when = keptSince === undefined ? html`of this decision` : html`kept when it was served, ${moment(keptSince)}`;
  return html`<h2>Show it to somebody else</h2>
    <p>
      <a href="${href}" download>The receipt</a> ${when}: one file that <code>trustix verify FILE</code> checks offline,
      on any machine, by its own keys and policy.
    </p>`;
}

function narInfoText(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, MAX_SENTENCE)).toString("utf8");
}
