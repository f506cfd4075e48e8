import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { FaultOf } from './fault-shapes.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.close());

const messages = [{ role: 'user' as const, content: 'hello' }];

function send(fault: Omit<FaultOf<'status'>, 'kind'>, path = '/v1/chat/completions'): Promise<Response> {
  const body = JSON.stringify({ model: 'm', messages, simulator: { fault: { kind: 'status', ...fault } } });
  return fetch(simulator.url + path, { method: 'POST', body });
}

describe('an absurd Retry-After', () => {
  it.each([
    [86_400, '86400'],
    [0, '0'],
    [-1, '-1'],
    [0.5, '0.5'],
    ['Wed, 21 Oct 2065 07:28:00 GMT', 'Wed, 21 Oct 2065 07:28:00 GMT'],
    ['soon', 'soon'],
    ['', ''],
  ])('of %j is sent as it stands', async (retryAfter, sent) => {
    const { status, headers } = await send({ status: 429, retry_after: retryAfter, retry_after_ms: retryAfter });
    expect([status, headers.get('retry-after'), headers.get('retry-after-ms')]).toEqual([429, sent, sent]);
  });

  it('cannot break the message', async () => {
    expect((await send({ status: 429, retry_after: '1\r\nx-injected: 1' })).status).toBe(400);
  });
});

describe('flat', () => {
  it('is vLLM’s older shape, its code the status', async () => {
    const response = await send({ status: 503, flat: true }, '/vllm/v1/chat/completions');
    expect([response.status, response.headers.get('content-type')]).toEqual([503, 'application/json']);
    await expect(response.json()).resolves.toEqual({
      object: 'error',
      message: 'The request queue is full. Please try again later.',
      type: 'Service Unavailable',
      param: null,
      code: 503,
    });
  });

  it('takes words and headers like the other shape', async () => {
    const response = await send({ status: 400, flat: true, message: 'No.', type: 'BadRequestError', retry_after: 3 });
    expect(response.headers.get('retry-after')).toBe('3');
    await expect(response.json()).resolves.toMatchObject({ object: 'error', message: 'No.', type: 'BadRequestError' });
  });

  it('is an error without details to the SDK', async () => {
    const client = new OpenAI({ baseURL: `${simulator.url}/vllm/v1`, apiKey: 'none', maxRetries: 0 });
    simulator.controls.arm({ fault: { kind: 'status', status: 404, flat: true }, times: 1 });
    await expect(client.chat.completions.create({ model: 'm', messages })).rejects.toMatchObject({ status: 404 });
  });
});
