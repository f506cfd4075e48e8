import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Seen } from './counters.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ logLimit: 3 });
});
afterEach(() => simulator.close());

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(simulator.url + path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

const chat = (model: string, fields: object = {}) =>
  call('POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }], ...fields });
async function streamed(model: string): Promise<void> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], stream: true });
  const response = await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body });
  expect(await response.text()).toContain('[DONE]');
}
const seen = async () => (await call('GET', '/_control/seen')).body as Seen;

describe('control over HTTP', () => {
  it('arms a fault for a model and so many requests, lists it, and disarms it', async () => {
    const fault = { kind: 'status', status: 503 };
    const armed = await call('POST', '/_control/faults', { fault, match: { model: 'a' }, times: 2 });
    expect(armed).toEqual({ status: 201, body: { id: 'fault_1' } });
    expect([(await chat('b')).status, (await chat('a')).status]).toEqual([200, 503]);
    const left = { id: 'fault_1', fault, match: { model: 'a' }, times: 1 };
    await expect(call('GET', '/_control/faults')).resolves.toEqual({ status: 200, body: { faults: [left] } });
    await expect(call('DELETE', '/_control/faults/fault_1')).resolves.toEqual({ status: 200, body: { cleared: 1 } });
    await expect(call('DELETE', '/_control/faults/fault_1')).resolves.toMatchObject({ status: 404 });
    expect((await chat('a')).status).toBe(200);
  });

  it('lets the request’s own fault go before an armed one, which is not used up', async () => {
    await call('POST', '/_control/faults', { fault: { kind: 'status', status: 503 }, times: 1 });
    expect((await chat('a', { simulator: { fault: { kind: 'status', status: 500 } } })).status).toBe(500);
    expect((await chat('a')).status).toBe(503);
    expect((await chat('a')).status).toBe(200);
  });

  it('changes settings, and resets to those of the start', async () => {
    await call('PUT', '/_control/settings', { output_tokens: 3, headers: { 'x-ratelimit-limit-requests': '60' } });
    expect((await chat('a')).body).toMatchObject({ usage: { completion_tokens: 3 } });
    const response = await fetch(`${simulator.url}/v1/models`);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('60');
    await response.text();
    await call('POST', '/_control/faults', { fault: { kind: 'reset' } });
    await call('POST', '/_control/reset');
    expect((await chat('a')).body).toMatchObject({ usage: { completion_tokens: 16 } });
    expect((await seen()).counters).toMatchObject({ requests: 1, by_fault: {} });
    await expect(call('GET', '/_control/settings')).resolves.toMatchObject({
      body: { output_tokens: 16, headers: {} },
    });
  });

  it.each<[string, string, unknown, string]>([
    ['POST', 'faults', { fault: { kind: 'nonsense' } }, 'kind'],
    ['POST', 'faults', { fault: { kind: 'status' } }, 'status'],
    ['POST', 'faults', { fault: { kind: 'cut', after_chunks: -1 } }, 'after_chunks'],
    ['POST', 'faults', { fault: { kind: 'reset' }, times: 0 }, 'times'],
    ['POST', 'faults', { fault: { kind: 'refused' } }, 'control-port'],
    ['POST', 'faults', { fault: { kind: 'refused' }, for_ms: 1, times: 1 }, 'times'],
    ['POST', 'faults', { fault: { kind: 'refused' }, for_ms: 1, match: {} }, 'match'],
    ['POST', 'faults', { fault: { kind: 'reset' }, match: { provider: 'x' } }, 'match'],
    ['POST', 'scripts', {}, 'text'],
    ['POST', 'scripts', { text: 1 }, 'text'],
    ['POST', 'scripts', { text: 'a', times: 0 }, 'times'],
    ['POST', 'scripts', { text: 'a', match: { user: 'b' } }, 'match'],
    ['POST', 'scripts', { text: 'a', match: { last_user: '' } }, 'last_user'],
    ['POST', 'scripts', { settings: { limits: { rpm: 1 } } }, 'settings'],
    ['PUT', 'settings', { ttft: 1 }, 'settings'],
    ['PUT', 'settings', { limits: { rpm: 0 } }, 'limits/rpm'],
    ['PUT', 'settings', { limits: { rps: 1 } }, 'limits'],
    ['PUT', 'settings', { limits: { by_model: { a: { by_model: {} } } } }, 'limits/by_model'],
    ['PUT', 'settings', { tokens_per_second: 0 }, 'tokens_per_second'],
    ['PUT', 'settings', { headers: { 'content-length': '1' } }, 'headers'],
    ['PUT', 'settings', { headers: { 'x-a': 'line\nbreak' } }, 'headers'],
  ])('refuses %s %s %j and names what is wrong', async (method, name, body, named) => {
    const answer = await call(method, `/_control/${name}`, body);
    expect(answer).toEqual({ status: 400, body: { error: { message: expect.stringContaining(named) } } });
  });

  it('refuses what it does not know', async () => {
    await expect(call('GET', '/_control/nothing')).resolves.toMatchObject({ status: 404 });
    await expect(call('GET', '/_control/seen?limit=x')).resolves.toMatchObject({ status: 400 });
  });
});

describe('what was seen', () => {
  it('counts by path, model and status, and the tokens served', async () => {
    await chat('a');
    await streamed('a');
    await call('POST', '/v1/embeddings', { model: 'e', input: 'hello' });
    await call('GET', '/v1/models/x');
    await call('GET', '/v1/typo');
    expect((await seen()).counters).toEqual({
      requests: 4,
      streams: 1,
      by_path: { '/v1/chat/completions': 2, '/v1/embeddings': 1, '/v1/models/*': 1, unknown: 1 },
      by_model: { a: 2, e: 1 },
      by_fault: {},
      by_status: { 200: 3, 404: 1 },
      input_tokens: 6,
      output_tokens: 32,
      sent: 4,
      aborted: 0,
      dropped: 0,
      in_flight: 0,
      peak_in_flight: 1,
      limits: {
        requests: 0,
        tokens: 0,
        input_tokens: 0,
        output_tokens: 0,
        refused: 0,
        refused_by: {},
        by_model: {},
      },
    });
  });

  it.each(['/v1/models', '/v1/models/x', '/vllm/health', '/vllm/v1/models', '/vllm/metrics'])(
    'a probe of %s is no request, but shows by its path and in the log',
    async (path) => {
      const response = await fetch(simulator.url + path);
      await response.text();
      const { counters, requests } = await seen();
      expect(counters).toMatchObject({ requests: 0, sent: 0, by_status: {}, in_flight: 0, peak_in_flight: 0 });
      expect(Object.values(counters.by_path)).toEqual([1]);
      expect(requests).toMatchObject([{ method: 'GET', path, status: 200, outcome: 'sent' }]);
      expect(requests[0]).not.toHaveProperty('probe');
    },
  );

  it('keeps the last requests as they arrived, but never the credential', async () => {
    for (const model of ['a', 'b', 'c']) {
      await chat(model);
    }
    const body = { model: 'd', messages: [{ role: 'user', content: 'hello' }], extra: { kept: true } };
    const headers = { authorization: 'Bearer sk-canary', 'x-request-id': 'mine', cookie: 'sk-canary' };
    await fetch(`${simulator.url}/v1/chat/completions?v=1`, { method: 'POST', headers, body: JSON.stringify(body) });
    const { requests } = await seen();
    expect(requests.map((request) => request.model)).toEqual(['b', 'c', 'd']);
    expect(requests[2]).toMatchObject({
      n: 4,
      path: '/v1/chat/completions',
      authorization: true,
      stream: false,
      status: 200,
      outcome: 'sent',
      served: { input: 2, output: 16 },
      body,
    });
    expect(requests[2]?.ended_at).toBeGreaterThanOrEqual(requests[2]?.at ?? Infinity);
    expect(requests[2]?.headers['x-request-id']).toBe('mine');
    expect(JSON.stringify(requests)).not.toContain('canary');
    expect(requests[0]?.authorization).toBe(false);
    expect(((await call('GET', '/_control/seen?limit=1')).body as Seen).requests).toHaveLength(1);
    expect(((await call('GET', '/_control/seen?limit=0')).body as Seen).requests).toHaveLength(0);
  });

  it('counts what is in flight at once, and a client that leaves in the middle', async () => {
    const leaving = new AbortController();
    const ask = {
      model: 'a',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
      simulator: { ttft_ms: 60_000 },
    };
    const open = [1, 2, 3].map(() =>
      fetch(`${simulator.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify(ask),
        signal: leaving.signal,
      }),
    );
    await simulator.controls.until((tally) => tally.in_flight === 3);
    leaving.abort();
    const ends = await Promise.allSettled(open);
    expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected', 'rejected']);
    const tally = await simulator.controls.until((counters) => counters.in_flight === 0);
    expect(tally).toMatchObject({ aborted: 3, sent: 0, peak_in_flight: 3, output_tokens: 0, by_status: {} });
  });

  it('does not count as left by the client what its own end closes', async () => {
    const ask = {
      model: 'a',
      messages: [{ role: 'user', content: 'hello' }],
      simulator: { fault: { kind: 'stall' } },
      stream: true,
    };
    const response = await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(ask) });
    await simulator.close();
    await expect(response.text()).rejects.toThrow('terminated');
    expect(simulator.controls.seen().counters).toMatchObject({ dropped: 1, aborted: 0, in_flight: 0 });
  });

  it('until: rejects with the counters when the condition does not come true', async () => {
    await expect(simulator.controls.until((tally) => tally.requests === 1, 1)).rejects.toThrow('"requests":0');
  });
});
