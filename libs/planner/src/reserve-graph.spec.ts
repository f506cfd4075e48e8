import { afterAll, describe, expect, it } from '@jest/globals';
import type { Route } from '#contracts/decision.js';
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration, type OrchestrationSpec, type StepOutput } from '#contracts/orchestration.js';
import type { Model } from '#contracts/registry-snapshot.js';
import type { GraphPlan } from '#jobs/graph-record.js';
import { buildStepRequest } from '#orchestration/step-request.js';
import { roleOf, stepsOf } from '#orchestration/steps-of.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { PROMPT_TOKENS, QUOTE_TOKENS, reservedFor, reserveGraph } from './reserve-graph.js';

const model = (id: string, change: Partial<Model>): Model =>
  ({
    ...{ id, maxOutputTokens: 100, contextTokens: 1_000_000 },
    price: { inputNano: 1, outputNano: 10, cachedInputNano: 1, cacheWriteNano: 1 },
    ...change,
  }) as Model;

const cheap = model('cheap', {});
const dear = model('dear', {
  maxOutputTokens: 50,
  price: { inputNano: 3, outputNano: 40, cachedInputNano: 3, cacheWriteNano: 3 },
});
const MODELS = [cheap, dear, model('unasked', { maxOutputTokens: 1_000_000 })];

const route = (inputTokens: number, dearestCostNano: number, ...ids: string[]): Route =>
  ({ inputTokens, dearestCostNano, candidates: ids.map((id) => ({ model: id })) }) as Route;

/** With the one message that a reviewer is quoted. */
const OWN = PROMPT_TOKENS + QUOTE_TOKENS;
const REQUEST: JsonObject = { messages: [{ role: 'user', content: 'Say it.' }] };

const planOf = (spec: Partial<OrchestrationSpec> & Pick<OrchestrationSpec, 'mode'>): GraphPlan =>
  ({ nodes: stepsOf({ ...defaultOrchestration(spec.mode), ...spec }) }) as GraphPlan;

describe('a graph reserves', () => {
  it('each step at its dearest candidate, with the longest answers that it quotes', () => {
    const routes = { primary: route(20, 2_020, 'cheap', 'dear'), review: route(30, 1_030, 'cheap') };
    const reserved = reserveGraph({ plan: planOf({ mode: 'adversarial' }), request: REQUEST }, routes, MODELS);
    expect(reserved).toEqual({
      plan: 2_020,
      // One draft of 100 tokens is quoted; the critic is the cheap one.
      'critique-1': 30 + OWN + QUOTE_TOKENS + 100 + 100 * 10,
      // Draft and critique; the dear one writes at most 50.
      'refine-1': (20 + OWN + 2 * QUOTE_TOKENS + 200) * 3 + 50 * 40,
    });
    expect(reservedFor(reserved)).toBe(Object.values(reserved).reduce((sum, nano) => sum + nano));
    expect(reservedFor(reserved, [{ id: 'plan' }, { id: 'critique-1' }])).toBe(reserved['refine-1']);
  });

  it('1 + 2n calls of n rounds, and every voter with a judge of all', () => {
    const routes = { primary: route(20, 1_020, 'cheap'), review: route(20, 1_020, 'cheap') };
    const inRounds = reserveGraph(
      { plan: planOf({ mode: 'refine', iterations: 3 }), request: REQUEST },
      { ...routes, review: null },
      MODELS,
    );
    expect(Object.keys(inRounds)).toHaveLength(7);
    expect(inRounds['improve-3']).toBe(20 + OWN + 2 * QUOTE_TOKENS + 200 + 1_000);
    const vote = reserveGraph({ plan: planOf({ mode: 'vote', voters: 4 }), request: REQUEST }, routes, MODELS);
    expect(vote).toMatchObject({
      'candidate-1': 1_020,
      'candidate-4': 1_020,
      judge: 20 + OWN + 4 * QUOTE_TOKENS + 400 + 1_000,
    });
  });

  it('no more than the answer that was asked for, and no more input than a window holds', () => {
    const routes = { primary: route(20, 120, 'cheap'), review: null };
    const plan = planOf({ mode: 'refine', iterations: 1 });
    const bounded = reserveGraph({ plan, request: { ...REQUEST, max_tokens: 10 } }, routes, MODELS);
    expect(bounded['review-1']).toBe(20 + OWN + QUOTE_TOKENS + 10 + 100);
    const small = [{ ...cheap, contextTokens: 60 }];
    expect(reserveGraph({ plan, request: REQUEST }, routes, small)['improve-1']).toBe(60 + 1_000);
  });
});

describe('the tokens of our own words', () => {
  const tokens = new TokenCounter();
  afterAll(() => tokens.dispose());

  const turns = Array.from({ length: 20 }, (_, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: 'Go on.' }));
  const long: JsonObject = { messages: [{ role: 'system', content: 'Be brief.' }, ...turns] };

  it.each(['adversarial', 'refine', 'vote'] as const)(
    'are never more than what is reserved for them: %s',
    async (mode) => {
      const nodes = stepsOf({ ...defaultOrchestration(mode), iterations: 2, voters: 10 });
      const outputs = new Map(nodes.map(({ id }) => [id, { text: '' } as StepOutput]));
      for (const request of [REQUEST, long]) {
        const asked = await tokens.countRequest('chat', request);
        for (const node of nodes) {
          const body = buildStepRequest({ node, request, outputs, quoteCharacters: null });
          const { inputTokens } = await tokens.countRequest('chat', body);
          // A revision quotes the draft as well as the opinion that it waits for.
          const answers = node.needs.length + (roleOf(node.name) === 'primary' && node.round > 0 ? 1 : 0);
          const quotes = answers + (request.messages as unknown[]).length;
          expect(inputTokens - asked.inputTokens).toBeLessThanOrEqual(PROMPT_TOKENS + QUOTE_TOKENS * quotes);
        }
      }
    },
  );
});
