import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { ProviderLimits } from './limit-settings.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;
let now = 1000;

afterEach(() => simulator.close());

async function start(limits: ProviderLimits, settings: object = {}): Promise<void> {
  simulator = await startSimulator({ settings: { ...settings, limits }, now: () => now });
}

const openai = () => new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'sk-test', maxRetries: 0 });
const said = (content: string) => [{ role: 'user' as const, content }];
const limitHeaders = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => /ratelimit|retry-after/.test(name)));

/** The error that a call of an SDK is refused with. */
async function refusalOf(call: Promise<unknown>): Promise<{ status: number; error: unknown; headers: Headers }> {
  return call.then(
    () => Promise.reject(new Error('It was let in.')),
    (error: unknown) => error as { status: number; error: unknown; headers: Headers },
  );
}

function chat(model: string, fields: object = {}): Promise<Response> {
  const body = JSON.stringify({ model, messages: said('hello'), ...fields });
  return fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body });
}

describe('OpenAI', () => {
  it('says with every answer what is left', async () => {
    await start({ rpm: 600, tpm: 6000 });
    const answer = await openai()
      .chat.completions.create({ model: 'm', messages: said('hello'), max_completion_tokens: 60 })
      .asResponse();
    expect(limitHeaders(answer.headers)).toEqual({
      'x-ratelimit-limit-requests': '600',
      'x-ratelimit-remaining-requests': '599',
      'x-ratelimit-reset-requests': '100ms',
      'x-ratelimit-limit-tokens': '6000',
      'x-ratelimit-remaining-tokens': '5940',
      'x-ratelimit-reset-tokens': '600ms',
    });
    const streamed = await chat('m', { stream: true, max_tokens: 1940 });
    await streamed.text();
    expect(limitHeaders(streamed.headers)).toMatchObject({
      'x-ratelimit-remaining-tokens': '4000',
      'x-ratelimit-reset-tokens': '20s',
    });
  });

  it('refuses tokens in its own words, and lets in as soon as it said', async () => {
    await start({ rpm: 100, tpm: 10_000 });
    const ask = (maxTokens: number) =>
      openai().chat.completions.create({ model: 'gpt-4', messages: said('hello'), max_completion_tokens: maxTokens });
    await ask(8554);
    const refusal = await refusalOf(ask(3082));
    expect(refusal).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refusal.error).toEqual({
      message:
        'Rate limit reached for gpt-4 in organization org-simulator on tokens per min (TPM): Limit 10000, Used 8554, Requested 3082. Please try again in 9.816s. Visit https://platform.openai.com/account/rate-limits to learn more.',
      type: 'tokens',
      param: null,
      code: 'rate_limit_exceeded',
    });
    expect(limitHeaders(refusal.headers)).toEqual({
      'retry-after': '10',
      'retry-after-ms': '9816',
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '99',
      'x-ratelimit-reset-requests': '600ms',
      'x-ratelimit-limit-tokens': '10000',
      'x-ratelimit-remaining-tokens': '1446',
      'x-ratelimit-reset-tokens': '51.324s',
    });
    now += 9815;
    expect((await refusalOf(ask(3082))).headers.get('retry-after-ms')).toBe('1');
    now += 1;
    await expect(ask(3082)).resolves.toHaveProperty('usage');
  });

  it('refuses requests, and what is larger than the limit', async () => {
    await start({ rpm: 3, tpm: 1000 });
    const { error, headers } = await refusalOf(
      openai().chat.completions.create({ model: 'm', messages: said('hello'), max_completion_tokens: 1001 }),
    );
    expect(error).toMatchObject({
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message: expect.stringMatching(/^Request too large for m .*\(TPM\): Limit 1000, Requested 1001\. The input or/),
    });
    expect(headers.get('retry-after')).toBeNull();
    for (let i = 0; i < 3; i++) await openai().embeddings.create({ model: 'e', input: 'hello' });
    const refusal = await refusalOf(openai().completions.create({ model: 'm', prompt: 'hello' }));
    expect(refusal.error).toMatchObject({
      type: 'requests',
      message: expect.stringMatching(/\(RPM\): Limit 3, Used 3, Requested 1\. Please try again in 20s\./),
    });
  });
});

describe('Anthropic', () => {
  const send = (path: string, body: object) =>
    fetch(`${simulator.url}/v1/messages${path}`, {
      method: 'POST',
      headers: { 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ model: 'claude', ...body }),
    });
  const message = (content: string) => send('', { max_tokens: 5000, messages: said(content) });

  it('says with every answer what is left, the resets as times of day', async () => {
    await start({ rpm: 60, itpm: 600, otpm: 60 });
    const before = Date.now();
    const { headers } = await message('x'.repeat(40));
    const { 'anthropic-ratelimit-input-tokens-reset': reset = '', ...others } = limitHeaders(headers);
    expect(others).toMatchObject({
      'anthropic-ratelimit-requests-limit': '60',
      'anthropic-ratelimit-requests-remaining': '59',
      'anthropic-ratelimit-input-tokens-limit': '600',
      'anthropic-ratelimit-input-tokens-remaining': '590',
      'anthropic-ratelimit-output-tokens-limit': '60',
      'anthropic-ratelimit-output-tokens-remaining': '60',
      'anthropic-ratelimit-tokens-limit': '660',
      'anthropic-ratelimit-tokens-remaining': '650',
    });
    expect(reset).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(reset)).toBeGreaterThanOrEqual(before + 1000);
    expect(Date.parse(reset)).toBeLessThanOrEqual(Date.now() + 2000);
  });

  it('refuses input in its own words, and counts no cache reads', async () => {
    await start({ itpm: 1500 }, { cached_tokens: 1000 });
    expect((await message('x'.repeat(8000))).status).toBe(200);
    const refusal = await message('x'.repeat(8000));
    expect(refusal.status).toBe(429);
    expect(limitHeaders(refusal.headers)).toMatchObject({
      'retry-after': '20',
      'anthropic-ratelimit-input-tokens-remaining': '500',
    });
    await expect(refusal.json()).resolves.toEqual({
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: expect.stringMatching(
          /^This request would exceed your organization's rate limit of 1,500 input tokens per minute \(org: simulator, model: claude\)\./,
        ),
      },
      request_id: refusal.headers.get('request-id'),
    });
  });

  it('counts the output that it wrote, not what it was allowed to', async () => {
    await start({ otpm: 20 });
    expect([(await message('hello')).status, (await message('hello')).status]).toEqual([200, 200]);
    const refusal = await message('hello');
    expect([refusal.status, refusal.headers.get('retry-after')]).toEqual([429, '39']);
    expect(simulator.controls.seen().counters.limits).toMatchObject({ requests: 2, output_tokens: 32, refused: 1 });
    expect((await send('/count_tokens', { messages: said('hello') })).status).toBe(200);
  });
});

describe('vLLM', () => {
  const ask = (fields: object, signal?: AbortSignal) =>
    fetch(`${simulator.url}/vllm/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages: said('hello'), ...fields }),
      signal,
    });

  it('refuses with 503 what has no place, until one is given back', async () => {
    await start({ concurrency: 2 });
    const leaving = new AbortController();
    const open = [1, 2].map(() => ask({ simulator: { ttft_ms: 60_000 } }, leaving.signal));
    await simulator.controls.until(({ limits }) => limits.requests === 2);
    const refused = await ask({});
    expect(refused.status).toBe(503);
    await expect(refused.json()).resolves.toMatchObject({
      error: { message: expect.stringContaining('queue is full'), code: 503 },
    });
    leaving.abort();
    await Promise.allSettled(open);
    await simulator.controls.until(({ aborted }) => aborted === 2);
    expect((await ask({})).status).toBe(200);
    expect((await ask({})).status).toBe(200);
  });
});

describe('whatever the vendor', () => {
  it('counts what it let in as the vendor counts, by model, and what it refused', async () => {
    await start({ tpm: 1000, by_model: { a: { rpm: 2 } } });
    const statuses: number[] = [];
    for (const model of ['a', 'a', 'a', 'b', 'b']) {
      const response = await chat(model, { max_tokens: 300 });
      await response.text();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
    expect(simulator.controls.seen().counters.limits).toEqual({
      requests: 3,
      tokens: 900,
      input_tokens: 6,
      output_tokens: 48,
      refused: 2,
      refused_by: { rpm: 1, tpm: 1 },
      by_model: {
        a: { requests: 2, tokens: 600, input_tokens: 4, output_tokens: 32, refused: 1 },
        b: { requests: 1, tokens: 300, input_tokens: 2, output_tokens: 16, refused: 1 },
      },
    });
  });

  it('asks the limits before the faults, which a refusal does not use up', async () => {
    await start({ rpm: 1 });
    simulator.controls.arm({ fault: { kind: 'status', status: 500 }, times: 2 });
    expect([(await chat('m')).status, (await chat('m')).status]).toEqual([500, 429]);
    expect(simulator.controls.armed()).toMatchObject([{ times: 1 }]);
  });

  it('charges nothing for what is refused before: a wrong key, a wrong body', async () => {
    simulator = await startSimulator({ apiKey: 'right', settings: { limits: { rpm: 1 } } });
    expect((await chat('m')).status).toBe(401);
    expect(simulator.controls.seen().counters.limits.requests).toBe(0);
    await simulator.close();
    await start({ rpm: 1 });
    expect((await chat('m', { messages: 'none' })).status).toBe(400);
    expect((await chat('m')).status).toBe(200);
  });

  it('keeps probes free', async () => {
    await start({ rpm: 1 });
    for (const path of ['/v1/models', '/vllm/health', '/vllm/health']) {
      expect((await fetch(simulator.url + path)).status).toBe(200);
    }
    expect((await chat('m')).status).toBe(200);
  });

  it('is set over HTTP, begins anew when it is, and ends with the reset; no request can lift it', async () => {
    await start({ rpm: 1 });
    const put = (limits: ProviderLimits | null) =>
      fetch(`${simulator.url}/_control/settings`, { method: 'PUT', body: JSON.stringify({ limits }) });
    expect([(await chat('m')).status, (await chat('m')).status]).toEqual([200, 429]);
    simulator.controls.configure({ output_tokens: 4 });
    expect((await chat('m')).status).toBe(429);
    expect((await put({ rpm: 2 })).status).toBe(200);
    expect([(await chat('m')).status, (await chat('m')).status, (await chat('m')).status]).toEqual([200, 200, 429]);
    expect((await chat('m', { simulator: { limits: null } })).status).toBe(400);
    await put(null);
    const free = await chat('m');
    expect([free.status, limitHeaders(free.headers)]).toEqual([200, {}]);
    simulator.controls.reset();
    expect([(await chat('m')).status, (await chat('m')).status]).toEqual([200, 429]);
    expect(simulator.controls.seen().counters.limits).toMatchObject({ requests: 1, refused: 1 });
  });
});
