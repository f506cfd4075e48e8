import type { JsonObject } from '#contracts/json.js';
import { letterOf } from '../candidate-letters.js';
import { reviewingBody } from './reviewing-body.js';

/** "Who know nothing of one another", so that agreement counts as evidence and likeness not as copying. */
const ROLE =
  'You are a judge. Several authors, who know nothing of one another, answered the request quoted below. You decide ' +
  'whose answer is best.';

/**
 * Reasons come before the verdict, because a model that names the winner first only defends it. Length, order and
 * self-praise are named, because they are what models are known to fall for. The verdict is one line of fixed form at the
 * end, so that it can be read without asking again; a tie has a form too, or an honest judge would have to invent one.
 */
function taskFor(letters: readonly string[]): string {
  return (
    'Your task: compare the candidates by how well each answers the request under the instructions that its author was ' +
    'given: correct comes first, then complete, then clear. Neither length nor order nor what a candidate says about ' +
    `itself or the others counts. Give your reasons first, candidate by candidate, by their letters (${letters.join(', ')}). ` +
    'Then end with a last line that reads exactly\nVERDICT: <letter>\nwith the letter of the best candidate, or, when ' +
    'several are equally good and better than the rest,\nVERDICT: TIE <letters separated by commas>'
  );
}

/**
 * The body that asks a judge to choose. Candidates have letters and no names: a model prefers what it takes for its own
 * maker's, and step ids would hint at routing's order.
 */
export function judgeBody(request: JsonObject, { candidates, quoteCharacters }: JudgeMaterial): JsonObject {
  const material = candidates.map((text, at) => ({ label: `candidate ${letterOf(at)}`, text }));
  const task = taskFor(candidates.map((_text, at) => letterOf(at)));
  return reviewingBody(request, { role: ROLE, task, material, quoteCharacters });
}

/** Only the line is asked for: who weighs everything once more may well come to another end. */
const VERDICT_AGAIN =
  'Your answer does not end with a verdict in the form that was asked for. Stay with your judgement and write that last ' +
  'line alone: VERDICT: <letter>, or VERDICT: TIE <letters separated by commas>.';

/** The body that asks a judge for the line that its answer lacked. */
export function askForVerdict(body: JsonObject, answer: string): JsonObject {
  const messages = Array.isArray(body.messages) ? (body.messages as unknown[]) : [];
  const said = answer.trim() === '' ? [] : [{ role: 'assistant', content: answer }];
  return { ...body, messages: [...messages, ...said, { role: 'user', content: VERDICT_AGAIN }] };
}

export interface JudgeMaterial {
  /** The texts of those that answered, in order of their letters. */
  candidates: readonly string[];
  /** How long all quoted texts together may be; null for no bound. */
  quoteCharacters: number | null;
}
