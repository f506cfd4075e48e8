import type { JsonObject } from '#contracts/json.js';
import type { StepNode, StepOutput } from '#contracts/orchestration.js';
import { critiqueBody } from './prompts/critique.js';
import { improveBody } from './prompts/improve.js';
import { judgeBody } from './prompts/judge.js';
import { refineBody } from './prompts/refine.js';
import { reviewBody } from './prompts/review.js';
import { readConversation } from './read-conversation.js';
import { roundOf } from './steps-of.js';

/** What completed steps left, by step id. */
export type StepOutputs = ReadonlyMap<string, StepOutput>;

export interface StepRequestOptions {
  node: StepNode;
  /** The client's chat body, without directives. */
  request: JsonObject;
  outputs: StepOutputs;
  /**
   * How many characters all quoted texts together may have, drafts among them; null for no bound. Fences and our own words
   * come on top, as does the client's conversation wherever it is sent as it is (every step but critique, review and judge).
   */
  quoteCharacters: number | null;
}

/**
 * The OpenAI chat body of a step. The first step of every mode is the client's own request, to which nothing is added.
 * Throws when an output is missing that the step needs.
 */
export function buildStepRequest({ node, request, outputs, quoteCharacters }: StepRequestOptions): JsonObject {
  const textOf = (id: string) => outputNamed(outputs, id).text;
  switch (node.name) {
    case 'answer':
    case 'plan':
    case 'candidate':
      return request;
    case 'critique':
      return critiqueBody(request, { draft: textOf(roundOf(node).draft), quoteCharacters });
    case 'review':
      return reviewBody(request, { answer: textOf(roundOf(node).draft), quoteCharacters });
    case 'refine': {
      const { draft, opinion } = roundOf(node);
      return refineBody(request, { draft: textOf(draft), critique: textOf(opinion), quoteCharacters });
    }
    case 'improve': {
      const { draft, opinion } = roundOf(node);
      return improveBody(request, { answer: textOf(draft), review: textOf(opinion), quoteCharacters });
    }
    case 'judge':
      return judgeBody(request, { candidates: judgedCandidates(node, outputs).map(textOf), quoteCharacters });
  }
}

/** The steps before whose texts a step's request quotes. */
export function quotedSteps(node: StepNode, outputs: StepOutputs): string[] {
  switch (node.name) {
    case 'answer':
    case 'plan':
    case 'candidate':
      return [];
    case 'critique':
    case 'review':
      return [roundOf(node).draft];
    case 'refine':
    case 'improve':
      return [roundOf(node).draft, roundOf(node).opinion];
    case 'judge':
      return judgedCandidates(node, outputs);
  }
}

/** How many characters a step's request quotes when nothing is cut: what `quoteCharacters` is to be less than. */
export function quotedCharacters(node: StepNode, request: JsonObject, outputs: StepOutputs): number {
  const quoted = quotedSteps(node, outputs).reduce((sum, id) => sum + (outputs.get(id)?.text.length ?? 0), 0);
  if (!QUOTES_CONVERSATION.has(node.name)) return quoted;
  return readConversation(request).quoted.reduce((sum, { text }) => sum + text.length, quoted);
}

/** Who judges is shown the client's conversation as material. */
const QUOTES_CONVERSATION: ReadonlySet<StepNode['name']> = new Set(['critique', 'review', 'judge']);

/** The candidates that a judge sees, in order of their letters: those that answered. */
export function judgedCandidates({ needs }: Pick<StepNode, 'needs'>, outputs: StepOutputs): string[] {
  return needs.filter((id) => outputs.has(id));
}

function outputNamed(outputs: StepOutputs, id: string): StepOutput {
  const output = outputs.get(id);
  if (!output) throw new Error(`The output of ${id} is missing`);
  return output;
}
