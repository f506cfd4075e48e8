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
  exactInputTokens: ReadonlyMap<string, number>;
}

/** For a person: a sentence why the first candidate is the first, and one for each candidate whose server was asked. */
export function explainRoute(options: ExplainOptions): string {
  const { candidates, excluded } = options;
  const [first] = candidates;
  if (!first) return `None of ${excluded.length} models can take this request.`;
  return whyFirst(first, options) + exactCounts(options);
}

function whyFirst(first: Candidate, options: ExplainOptions): string {
  const { lead, selection } = options;
  const closed = first.temporary ? `, though it cannot be taken at this moment (${first.temporary})` : '';
  if (first.model === lead) {
    return `${first.model} ${selection.alias ? `was drawn for the alias ${selection.alias.alias.id}` : 'is the model that was asked for'}${closed}.`;
  }
  return `${first.model} ${chosenBy(first, options)}${closed}${passedOver(options)}.`;
}

function exactCounts({ candidates, exactInputTokens }: ExplainOptions): string {
  const counts = candidates.flatMap(({ model }) => {
    const exact = exactInputTokens.get(model);
    return exact === undefined ? [] : [` The server of ${model} counts ${exact} input tokens.`];
  });
  return counts.join('');
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
