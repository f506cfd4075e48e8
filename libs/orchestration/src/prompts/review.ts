import type { JsonObject } from '#contracts/json.js';
import { approvalLine } from './approval-line.js';
import { reviewingBody } from './reviewing-body.js';

/** The model is told that the answer is its own, because it will improve it itself: praise would gain it nothing. */
const ROLE =
  'You were given the request quoted below and wrote the answer that is quoted after it. You now review your own answer ' +
  'as strictly as if somebody else had written it; afterwards you will improve it.';

/** As for a critic. The answer again is not rewritten here: finding faults and mending them are done better apart. */
const TASK =
  'Your task: review your answer by the request and by the instructions that you were given for it. Name what is wrong, ' +
  'missing, unclear or risky, what weighs most first. For each point say where in the answer it is, why it matters and ' +
  'what to do about it. Check facts, figures and steps instead of trusting them. Do not write the better answer yet.' +
  `\n\n${approvalLine('answer')}`;

/** The body that asks a model about its own answer. */
export function reviewBody(request: JsonObject, { answer, quoteCharacters }: ReviewMaterial): JsonObject {
  const material = [{ label: 'your answer', text: answer }];
  return reviewingBody(request, { role: ROLE, task: TASK, material, quoteCharacters });
}

export interface ReviewMaterial {
  answer: string;
  /** How long all quoted texts together may be; null for no bound. */
  quoteCharacters: number | null;
}
