import { describe, expect, it } from '@jest/globals';
import { STEP_NAMES, type StepName, type StepOutput } from '#contracts/orchestration.js';
import { readStep } from './read-step.js';

const saying = (content: string) => ({ model: 'upstream', choices: [{ message: { role: 'assistant', content } }] });
const read = (name: StepName, content: string) =>
  readStep({
    node: { name },
    completion: saying(content),
    model: 'm',
    provider: 'p',
    candidateIds: ['candidate-2', 'candidate-3'],
  });
const by = { model: 'm', provider: 'p' };

describe('readStep', () => {
  it.each<[StepName, string, StepOutput]>([
    ['plan', 'APPROVED', { text: 'APPROVED', completion: saying('APPROVED'), ...by }],
    ['candidate', 'VERDICT: A', { text: 'VERDICT: A', completion: saying('VERDICT: A'), ...by }],
    ['critique', 'Good.\nAPPROVED', { text: 'Good.', completion: null, approved: true, ...by }],
    ['critique', 'Bad.', { text: 'Bad.', completion: null, approved: false, ...by }],
    ['review', '**Approved.**', { text: '', completion: null, approved: true, ...by }],
    [
      'judge',
      'B is best.\nVERDICT: B',
      {
        text: 'B is best.\nVERDICT: B',
        completion: null,
        verdict: { kind: 'chosen', named: ['candidate-3'], reason: 'B is best.' },
        ...by,
      },
    ],
  ])('reads what a %s says: %j', (name, content, output) => {
    expect(read(name, content)).toEqual({ kind: 'read', output });
  });

  it('says so when a verdict cannot be read, and keeps what the judge wrote', () => {
    const output = { text: 'All fine.', completion: null, ...by };
    const verdict = { kind: 'unreadable', named: [], reason: 'All fine.' };
    expect(read('judge', 'All fine.')).toEqual({ kind: 'unreadable', output: { ...output, verdict } });
  });

  it("keeps the completions of those steps only whose answer may become the job's", () => {
    const kept = STEP_NAMES.filter((name) => read(name, 'VERDICT: A').output.completion !== null);
    expect(kept).toEqual(['answer', 'plan', 'refine', 'candidate', 'improve']);
  });
});
