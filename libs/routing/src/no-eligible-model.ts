import type { Decision, Exclusion } from '#contracts/decision.js';
import { TokenhubError } from '#contracts/error-catalogue.js';

/** So many reasons are written out in the message; all of them are in the error's `excluded`. */
const SHOWN_REASONS = 5;

/**
 * The error of a decision without candidates, listing why each model that was asked for cannot take the request:
 * `context_length_exceeded` when only the size stood in the way, else `no_eligible_model`.
 */
export function noEligibleModel(decision: Decision): TokenhubError {
  const asked = decision.excluded.filter(({ reason }) => reason !== 'not_requested');
  const extensions = { excluded: asked.length > 0 ? asked : decision.excluded };
  if (asked.length === 0)
    return new TokenhubError('no_eligible_model', 'No registered model is asked for by this request.', { extensions });
  // A model that answers another kind of request, or none, was never in question.
  const inQuestion = asked.filter(({ reason }) => reason !== 'kind' && reason !== 'disabled');
  const onlySize = inQuestion.length > 0 && inQuestion.every(({ reason }) => reason === 'context');
  return new TokenhubError(onlySize ? 'context_length_exceeded' : 'no_eligible_model', messageOf(asked), {
    extensions,
    param: onlySize ? 'messages' : undefined,
  });
}

function messageOf(excluded: readonly Exclusion[]): string {
  const shown = excluded.slice(0, SHOWN_REASONS).map(({ model, detail }) => `${model}: ${detail}`);
  const more = excluded.length > SHOWN_REASONS ? ` And ${excluded.length - SHOWN_REASONS} more.` : '';
  return `No model can take this request. ${shown.join(' ')}${more}`;
}
