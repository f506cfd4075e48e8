import type { JsonObject } from '#contracts/json.js';
import type { StepNode, StepOutput } from '#contracts/orchestration.js';
import { answerOf } from './answer-text.js';
import { readApproval } from './read-approval.js';
import { readVerdict } from './read-verdict.js';
import { isAnswering } from './steps-of.js';

export interface ReadStepOptions {
  node: Pick<StepNode, 'name'>;
  /** What the model answered, without directives. */
  completion: JsonObject;
  model: string;
  provider: string;
  /** Those that the judge was shown: `judgedCandidates`. */
  candidateIds: readonly string[];
}

/** `unreadable`: the judge's verdict could not be read, and may be asked for once more; the output says so too. */
export interface ReadStep {
  kind: 'read' | 'unreadable';
  output: StepOutput;
}

/** Reads a step's answer. Completions are kept of those steps only whose answer may become the job's. */
export function readStep({ node, completion, model, provider, candidateIds }: ReadStepOptions): ReadStep {
  const text = answerOf(completion);
  const output: StepOutput = { text, completion: isAnswering(node.name) ? completion : null, model, provider };
  if (node.name === 'judge') {
    const verdict = readVerdict(text, candidateIds);
    if (verdict !== null) return { kind: 'read', output: { ...output, verdict } };
    return { kind: 'unreadable', output: { ...output, verdict: { kind: 'unreadable', named: [], reason: text } } };
  }
  if (node.name === 'critique' || node.name === 'review') {
    const { approved, critique } = readApproval(text);
    return { kind: 'read', output: { ...output, text: critique, approved } };
  }
  return { kind: 'read', output };
}
