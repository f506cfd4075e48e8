import type { Candidate, Exclusion } from '#contracts/decision.js';
import type { RoutingMode } from '#contracts/policy.js';
import type { Selection } from './select-models.js';

export interface ExplainOptions {
  candidates: readonly Candidate[];
  excluded: readonly Exclusion[];
  eligibleCount: number;
  selection: Selection;
  lead: string | null;
  mode: RoutingMode;
}

/** One sentence for a person: why the first candidate is the first. */
export function explainRoute(options: ExplainOptions): string {
  const { candidates, excluded, lead, selection } = options;
  const [first] = candidates;
  if (!first) return `None of ${excluded.length} models can take this request.`;
  const closed = first.temporary ? `, though it cannot be taken at this moment (${first.temporary})` : '';
  if (first.model === lead) {
    return `${first.model} ${selection.alias ? `was drawn for the alias ${selection.alias.alias.id}` : 'is the model that was asked for'}${closed}.`;
  }
  return `${first.model} ${chosenBy(first, options)}${closed}${passedOver(options)}.`;
}

function chosenBy(first: Candidate, { selection, eligibleCount, mode }: ExplainOptions): string {
  if (selection.order) return `comes first in policy.models of ${countOf(eligibleCount)}`;
  return `has the best score (${first.score.toFixed(3)}) of ${countOf(eligibleCount)} in mode ${mode}`;
}

function passedOver({ candidates, excluded, lead }: ExplainOptions): string {
  if (lead === null) return '';
  const why =
    candidates.find(({ model }) => model === lead)?.temporary ?? excluded.find(({ model }) => model === lead)?.reason;
  return why ? `, because ${lead} is out (${why})` : '';
}

function countOf(eligible: number): string {
  return `${eligible} eligible ${eligible === 1 ? 'model' : 'models'}`;
}
