import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Model, ProviderType } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { adapterFor } from '#providers/adapters.js';
import { startUpstream, type Upstream } from '#providers/fixtures/upstream.js';
import { mostOutputTokens, requestFeatures } from '#routing/request-features.js';
import { bodyFor, type Asked } from './body-for.js';

const MODEL = { maxOutputTokens: 100, capabilities: ['json_schema'] } as unknown as Model;
const WINDOW = 1_000;

interface Circumstances {
  budgeted?: boolean;
  kind?: CallKind;
  inputTokens?: number;
}

const asked = (
  request: JsonObject,
  { budgeted = false, kind = 'chat', inputTokens = 10 }: Circumstances = {},
): Asked => ({
  request,
  budgeted,
  plan: { kind, inputTokens },
});

describe('the output that is asked for', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['more than the model writes', { max_tokens: 5_000 }, { max_tokens: 100 }],
    ['more by its newer name', { max_completion_tokens: 5_000 }, { max_completion_tokens: 100 }],
    [
      'more by the name that it was not planned by',
      { max_completion_tokens: 7, max_tokens: 90 },
      { max_completion_tokens: 7, max_tokens: 7 },
    ],
    ['less than the model writes', { max_tokens: 20 }, { max_tokens: 20 }],
    ['nothing', {}, {}],
    ['null', { max_tokens: null }, { max_tokens: null }],
  ])('is bounded as it was planned: %s', (_what, request, body) => {
    expect(bodyFor(asked(request), MODEL, WINDOW)).toEqual(body);
  });

  it.each<[string, Asked, JsonObject]>([
    ['is what was reserved', asked({}, { budgeted: true }), { max_completion_tokens: 100 }],
    ['is what the client says', asked({ max_tokens: 20 }, { budgeted: true }), { max_tokens: 20 }],
    ['is left to the window where that is less', asked({}, { budgeted: true, inputTokens: 900 }), {}],
    ['is left to the bound that legacy completions have', asked({}, { budgeted: true, kind: 'completion' }), {}],
    ['is none of embeddings', asked({}, { budgeted: true, kind: 'embedding' }), {}],
  ])('of a job with a budget %s', (_what, begun, body) => {
    expect(bodyFor(begun, MODEL, WINDOW)).toEqual(body);
  });

  it('of a legacy completion is bounded by the name that it has there', () => {
    const begun = asked({ max_completion_tokens: 7, max_tokens: 5_000 }, { kind: 'completion' });
    expect(bodyFor(begun, MODEL, WINDOW).max_tokens).toBe(7);
    expect(bodyFor(asked({ max_completion_tokens: 7 }, { kind: 'completion' }), MODEL, WINDOW).max_tokens).toBe(7);
  });
});

it('a model that can hold to a schema is given it, unless the client asked for a form of its own', () => {
  const responseFormat = { type: 'json_schema' };
  const begun = asked({ max_tokens: 500 });
  const planned = { ...begun, plan: { ...begun.plan, responseFormat } };
  expect(bodyFor(planned, MODEL, WINDOW)).toEqual({ max_tokens: 100, response_format: responseFormat });
  expect(bodyFor(planned, { ...MODEL, capabilities: [] }, WINDOW)).toEqual({ max_tokens: 100 });
  const own = { ...planned, request: { response_format: { type: 'text' } } };
  expect(bodyFor(own, MODEL, WINDOW)).toEqual({ response_format: { type: 'text' } });
});

describe('what a provider is asked for', () => {
  let http: HttpClient;
  let upstream: Upstream;
  beforeAll(async () => {
    http = new HttpClient();
    upstream = await startUpstream();
  });
  afterAll(async () => {
    await upstream.close();
    await http.close();
  });

  const TYPES: ProviderType[] = ['openai', 'anthropic', 'vllm'];
  const BODIES: JsonObject[] = [
    { max_tokens: 1_000_000 },
    { max_completion_tokens: 1_000_000 },
    { max_completion_tokens: 1, max_tokens: 1_000_000 },
    {},
  ];
  it.each(TYPES.flatMap((type) => BODIES.map((body): [ProviderType, JsonObject] => [type, body])))(
    'is never more than was reserved: %s %j',
    async (type, fields) => {
      const request = { ...fields, messages: [{ role: 'user', content: 'Hi' }] };
      const timeouts = { connectMs: 1_000, firstTokenMs: 1_000, idleMs: 1_000, answerMs: 1_000, coolDownMs: 1_000 };
      const call = adapterFor(type, http).execute({
        ...{ kind: 'chat', upstreamModel: 'up', endpoint: upstream.endpoint, credential: null, timeouts },
        ...{ deadlineMs: Date.now() + 5_000, signal: new AbortController().signal, maxOutputTokens: 100 },
        body: bodyFor(asked(request, { budgeted: true }), MODEL, WINDOW),
      });
      // It answers 500: what it was asked is all that counts.
      await expect(call).rejects.toThrow();
      const sent = upstream.requests.at(-1)?.body as JsonObject;
      const bounds = [sent.max_completion_tokens, sent.max_tokens].filter((bound) => bound !== undefined);
      expect(bounds).not.toEqual([]);
      const reserved = mostOutputTokens(requestFeatures({ kind: 'chat', body: request, inputTokens: 10 }), MODEL);
      for (const bound of bounds) expect(bound).toBeLessThanOrEqual(reserved);
    },
  );
});
