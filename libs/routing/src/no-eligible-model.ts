import type { Decision, Exclusion, PermanentReason } from '#contracts/decision.js';
import { TokenhubError } from '#contracts/error-catalogue.js';

/** So many reasons are written out in the message; all of them are in the error's `excluded`. */
const SHOWN_REASONS = 5;

/**
 * The error of a decision without candidates, listing why each model that was asked for cannot take the request:
 * `context_length_exceeded` when only the size stood in the way, else `no_eligible_model`.
 */
export function noEligibleModel(decision: Decision): TokenhubError {
  const asked = decision.excluded.filter(({ reason }) => reason !== 'not_requested');
  const shown = withoutForbidden(asked.length > 0 ? asked : decision.excluded);
  const extensions = { excluded: shown };
  if (asked.length === 0)
    return new TokenhubError('no_eligible_model', 'No registered model is asked for by this request.', { extensions });
  const inQuestion = asked.filter(({ reason }) => !NEVER_IN_QUESTION.has(reason));
  const onlySize = inQuestion.length > 0 && inQuestion.every(({ reason }) => reason === 'context');
  return new TokenhubError(onlySize ? 'context_length_exceeded' : 'no_eligible_model', messageOf(asked), {
    extensions,
    param: onlySize ? 'messages' : undefined,
  });
}

/** A model that answers another kind of request, or none, or not this key's. */
const NEVER_IN_QUESTION = new Set<PermanentReason>(['kind', 'disabled', 'not_allowed']);

/** What a key may not use is not named to whoever has it. */
export function withoutForbidden(excluded: readonly Exclusion[]): Exclusion[] {
  return excluded.filter(({ reason }) => reason !== 'not_allowed');
}

function messageOf(excluded: readonly Exclusion[]): string {
  const named = withoutForbidden(excluded);
  const shown = named.slice(0, SHOWN_REASONS).map(({ model, detail }) => `${model}: ${detail}`);
  const more = named.length > SHOWN_REASONS ? [`And ${named.length - SHOWN_REASONS} more.`] : [];
  const forbidden = excluded.length - named.length;
  const rest = forbidden > 0 ? [`${forbidden} ${forbidden === 1 ? 'is' : 'are'} not allowed for this key.`] : [];
  return ['No model can take this request.', ...shown, ...more, ...rest].join(' ');
}
