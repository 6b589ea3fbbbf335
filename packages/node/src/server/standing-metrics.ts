/** Figures of voters: their standing, and how their claims compare with those of the others. */
import type { Standing, VoterFigures } from "@trustix/decider";
import type { Registry } from "prom-client";
import { gauge } from "./gauge.ts";
import type { MeasuredParts } from "./parts.ts";

type Parts = Pick<MeasuredParts, "builders" | "policies">;

const STANDINGS: readonly Standing["standing"][] = ["good", "suspect", "excluded"];

const KINDS: Readonly<Record<string, (figures: VoterFigures) => number>> = {
  agreed: ({ agreed }) => agreed,
  alone: ({ alone }) => alone,
  split: ({ split }) => split,
  scattered: ({ scattered }) => scattered,
  few: ({ fewAgreed, fewDiffering }) => fewAgreed + fewDiffering,
  single: ({ single }) => single,
};

export function measureStandings(registry: Registry, parts: Parts): void {
  const labels = ["builder", "protocol"];
  gauge(registry, "trustix_builder_standing", "1 for the standing that a voter has", [...labels, "standing"], (g) => {
    for (const [label, { standing }] of labelled(parts))
      for (const one of STANDINGS) g.set({ ...label, standing: one }, one === standing ? 1 : 0);
  });
  gauge(
    registry,
    "trustix_builder_claims",
    "Claims by how they compare with those of others",
    [...labels, "kind"],
    (g) => {
      for (const [label, { figures }] of labelled(parts))
        for (const [kind, read] of Object.entries(KINDS)) g.set({ ...label, kind }, read(figures));
    },
  );
  gauge(registry, "trustix_builder_second_answers", "Other answers than before", labels, (g) => {
    for (const [label, { figures }] of labelled(parts)) g.set(label, figures.secondAnswers);
  });
}

/** Names are a voter's own within a protocol only. */
function labelled({ builders, policies }: Parts): [{ builder: string; protocol: string }, Standing][] {
  return builders.standings().map((standing) => {
    const policy = policies.find(({ voters }) => voters.some(({ logId }) => logId === standing.logId));
    const voter = policy?.voters.find(({ logId }) => logId === standing.logId);
    return [{ builder: voter?.name ?? standing.logId, protocol: policy?.protocol.name ?? "" }, standing];
  });
}
