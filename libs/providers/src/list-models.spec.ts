import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProviderType } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { startUpstream, type Upstream } from './fixtures/upstream.js';
import { listModels, type ListedModel } from './list-models.js';

const CANARY = 'sk-canary-4711';

let upstream: Upstream;
let http: HttpClient;

beforeEach(async () => {
  upstream = await startUpstream();
  http = new HttpClient();
});

afterEach(async () => {
  await upstream.close();
  await http.close();
});

const answers = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  upstream.answer = (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
};

function list(type: ProviderType, { timeoutMs = 5_000 } = {}): Promise<ListedModel[]> {
  const timeouts = { connectMs: 1_000, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 1 };
  const provider = { type, endpoints: [upstream.endpoint], timeouts };
  return listModels(http, provider, { credential: CANARY, signal: new AbortController().signal, timeoutMs });
}

it.each<[ProviderType, string, string]>([
  ['openai', 'authorization', `Bearer ${CANARY}`],
  ['vllm', 'authorization', `Bearer ${CANARY}`],
  ['anthropic', 'x-api-key', CANARY],
])('%s is asked with its credential where it wants it', async (type, header, value) => {
  answers(200, { data: [{ id: 'a' }, { id: 'b' }] });
  expect(await list(type)).toStrictEqual([
    { id: 'a', contextTokens: null },
    { id: 'b', contextTokens: null },
  ]);
  expect(upstream.requests[0]?.path).toMatch(/^\/v1\/models(\?limit=1000)?$/);
  expect(upstream.requests[0]?.headers[header]).toBe(value);
});

it('vLLM tells the window that its server was started with', async () => {
  answers(200, { data: [{ id: 'llama', max_model_len: 8_192 }, { id: 'odd', max_model_len: -1 }, { id: 7 }, null] });
  expect(await list('vllm')).toStrictEqual([
    { id: 'llama', contextTokens: 8_192 },
    { id: 'odd', contextTokens: null },
  ]);
});

it('Anthropic’s pages are read one after the other', async () => {
  upstream.answer = (response, { url = '' }) => {
    const isLast = url.includes('after_id=claude%2Fa');
    const page = isLast
      ? { data: [{ id: 'claude-b' }], has_more: false }
      : { data: [{ id: 'claude/a' }], has_more: true };
    response.end(JSON.stringify({ ...page, last_id: page.data[0]?.id }));
  };
  expect((await list('anthropic')).map(({ id }) => id)).toStrictEqual(['claude/a', 'claude-b']);
});

describe('a list is bounded', () => {
  it('in models', async () => {
    answers(200, { data: Array.from({ length: 1_500 }, (_, n) => ({ id: `m${n}` })) });
    expect(await list('openai')).toHaveLength(1_000);
  });

  it('in pages, where each names another', async () => {
    let n = 0;
    upstream.answer = (response) => {
      n += 1;
      response.end(JSON.stringify({ data: [{ id: `m${n}` }], has_more: true, last_id: `m${n}` }));
    };
    expect(await list('anthropic')).toHaveLength(10);
  });

  it('in pages, where one names itself', async () => {
    answers(200, { data: [{ id: 'a' }], has_more: true, last_id: 'a' });
    expect(await list('anthropic')).toHaveLength(1);
    expect(upstream.requests).toHaveLength(2);
  });

  it('in bytes', async () => {
    answers(200, { data: [{ id: 'x'.repeat(5 * 1024 * 1024) }] });
    await expect(list('openai')).rejects.toMatchObject({ options: { code: 'unreadable_answer' } });
  });

  it('in time', async () => {
    upstream.answer = () => undefined;
    await expect(list('openai', { timeoutMs: 50 })).rejects.toMatchObject({ name: 'ProviderError' });
  });
});

describe.each<ProviderType>(['openai', 'anthropic', 'vllm'])('%s that does not list its models', (type) => {
  it.each<[string, number, unknown, Record<string, string>]>([
    ['refuses the credential', 401, { error: { message: `wrong key ${CANARY}` } }, {}],
    ['redirects', 302, '', { location: 'http://127.0.0.1:1/elsewhere' }],
    ['answers a page', 200, '<html></html>', { 'content-type': 'text/html' }],
    ['answers half a body', 200, '{"data":[', {}],
    ['answers something else', 200, { models: [] }, {}],
  ])('%s', async (_case, status, body, headers) => {
    answers(status, body, headers);
    const error = await list(type).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'ProviderError' });
    expect(String(error)).not.toContain(CANARY);
    expect(upstream.requests).toHaveLength(1);
  });
});
