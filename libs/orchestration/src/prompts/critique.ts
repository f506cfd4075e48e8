import type { JsonObject } from '#contracts/json.js';
import { approvalLine } from './approval-line.js';
import { reviewingBody } from './reviewing-body.js';

/** "Another author", because models are gentler with what they take for their own. */
const ROLE =
  'You are a critic. Another author was given the request quoted below and wrote a draft of the answer. You criticise ' +
  'that draft; its author will then revise it.';

/**
 * Measured against request and instructions, so that the critic does not wish for another task. Place, reason and remedy
 * for each point, because the author can act on nothing less. No better draft: a critic who writes one stops looking for
 * faults, and the author would copy it instead of weighing the points.
 */
const TASK =
  'Your task: criticise the draft by the request and by the instructions that the author was given. Name what is wrong, ' +
  'missing, unclear or risky, what weighs most first. For each point say where in the draft it is, why it matters and ' +
  'what its author should do about it. Check facts, figures and steps instead of trusting them. Do not write a better ' +
  `draft yourself.\n\n${approvalLine('draft')}`;

/** The body that asks a critic about a draft. */
export function critiqueBody(request: JsonObject, { draft, quoteCharacters }: CritiqueMaterial): JsonObject {
  const material = [{ label: 'the draft', text: draft }];
  return reviewingBody(request, { role: ROLE, task: TASK, material, quoteCharacters });
}

export interface CritiqueMaterial {
  draft: string;
  /** How long all quoted texts together may be; null for no bound. */
  quoteCharacters: number | null;
}
