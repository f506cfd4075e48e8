import { afterAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration, type OrchestrationMode, type StepOutput } from '#contracts/orchestration.js';
import { buildStepRequest } from '#orchestration/step-request.js';
import { stepsOf } from '#orchestration/steps-of.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { StepTokens } from './step-tokens.js';

const counter = new TokenCounter();
afterAll(() => counter.dispose());

const count = async (body: JsonObject): Promise<number> => (await counter.countRequest('chat', body)).inputTokens;
const words = (n: number): string =>
  Array.from({ length: n }, (_, i) => `The ${i}th part is checked before the next.`).join('\n');
const request: JsonObject = {
  messages: [
    { role: 'system', content: 'Answer as somebody who has done this before.' },
    { role: 'user', content: `Plan the move of a shop.\n\n${words(40)}` },
  ],
};

async function outputsOf(mode: OrchestrationMode, lengths: readonly number[]): Promise<Map<string, StepOutput>> {
  const outputs = new Map<string, StepOutput>();
  for (const [i, { id }] of stepsOf(defaultOrchestration(mode)).entries()) {
    const text = words(lengths[i % lengths.length] ?? 1);
    outputs.set(id, { text, tokens: await counter.countText(text), completion: null, model: 'm', provider: 'p' });
  }
  return outputs;
}

describe.each(['adversarial', 'vote', 'refine'] as const)('the steps of %s that quote', (mode) => {
  it('send what was foretold of them, within a twentieth, and our own words are counted once', async () => {
    let counted = 0;
    const steps = new StepTokens((body) => {
      counted += 1;
      return count(body);
    });
    const inputTokens = await count(request);
    const quoting = stepsOf(defaultOrchestration(mode)).filter(({ needs }) => needs.length > 0);
    const kinds = new Set(quoting.map(({ name }) => name)).size;
    for (const lengths of [[30, 60, 10], [5], [200, 1]]) {
      const outputs = await outputsOf(mode, lengths);
      for (const node of quoting) {
        const foretold = await steps.of({ plan: { inputTokens }, request }, node, outputs);
        const exact = await count(buildStepRequest({ node, request, outputs, quoteCharacters: null }));
        expect(Math.abs((foretold ?? NaN) - exact) / exact).toBeLessThan(0.05);
      }
    }
    expect(counted).toBe(kinds);
  });

  it('have to be counted where a provider gave no count, or nobody counted the request', async () => {
    const steps = new StepTokens(count);
    const outputs = await outputsOf(mode, [3]);
    const [node] = stepsOf(defaultOrchestration(mode)).filter(({ needs }) => needs.length > 0);
    if (!node) throw new Error('no step quotes');
    expect(await steps.of({ plan: {}, request }, node, outputs)).toBeNull();
    const { tokens: _tokens, ...uncounted } = outputs.get(node.needs[0] ?? '') ?? { text: '' };
    outputs.set(node.needs[0] ?? '', uncounted as StepOutput);
    expect(await steps.of({ plan: { inputTokens: 10 }, request }, node, outputs)).toBeNull();
  });
});

it('a step that quotes nothing is counted as it is', async () => {
  const [first] = stepsOf(defaultOrchestration('adversarial'));
  if (!first) throw new Error('no step');
  expect(await new StepTokens(count).of({ plan: { inputTokens: 10 }, request }, first, new Map())).toBeNull();
});
