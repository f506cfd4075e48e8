import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { Fault } from './fault-shapes.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;
let client: OpenAI;

beforeEach(async () => {
  simulator = await startSimulator({ settings: { output_tokens: 6 } });
  client = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'sk-test', maxRetries: 0 });
});
afterEach(() => simulator.close());

interface Received {
  status: number;
  contentType: string;
  text: string;
  /** Whether the connection broke before the answer's own end. */
  broken: boolean;
}

/** Sends a chat request under the fault and reads what comes, to the end or to the break. */
async function receive(fault: Fault, stream: boolean, signal?: AbortSignal): Promise<Received> {
  const response = await send(fault, stream, signal);
  const received = { status: response.status, contentType: response.headers.get('content-type') ?? '', text: '' };
  try {
    for await (const chunk of response.body ?? []) {
      received.text += Buffer.from(chunk).toString();
    }
    return { ...received, broken: false };
  } catch {
    return { ...received, broken: true };
  }
}

function send(fault: Fault, stream: boolean, signal?: AbortSignal): Promise<Response> {
  const messages = [{ role: 'user', content: 'hello' }];
  return fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'm', messages, stream, simulator: { fault } }),
    signal,
  });
}

const events = (text: string) => text.split('\n\n').filter((event) => event !== '');
const contentEvents = (text: string) => events(text).filter((event) => /"content":"[^"]/.test(event)).length;
const finished = (text: string) => text.includes('"finish_reason":"');
const done = (text: string) => text.endsWith('data: [DONE]\n\n');

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('status', () => {
  it.each<[number, string | undefined, object]>([
    [400, undefined, { type: 'invalid_request_error', code: 'invalid_value' }],
    [
      400,
      'context_length_exceeded',
      { param: 'messages', message: expect.stringContaining('maximum context length is 8192') },
    ],
    [401, undefined, { type: 'invalid_request_error', code: 'invalid_api_key' }],
    [403, undefined, { code: 'unsupported_country_region_territory' }],
    [404, undefined, { type: 'invalid_request_error', code: 'model_not_found' }],
    [409, undefined, { code: null }],
    [429, undefined, { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
    [429, 'insufficient_quota', { type: 'insufficient_quota', code: 'insufficient_quota' }],
    [500, undefined, { type: 'server_error', code: null }],
    [503, undefined, { type: 'service_unavailable_error', code: 'server_is_overloaded' }],
    [418, undefined, { type: 'invalid_request_error' }],
  ])('%i %s comes in the vendor’s words, streamed or not', async (status, code, error) => {
    for (const stream of [false, true]) {
      const received = await receive({ kind: 'status', status, code }, stream);
      expect(received).toMatchObject({ status, contentType: 'application/json', broken: false });
      expect(JSON.parse(received.text)).toEqual({
        error: { message: expect.any(String), type: expect.any(String), param: null, code: code ?? null, ...error },
      });
    }
  });

  it('takes its own words and tells when to come back', async () => {
    const own = { code: 'slow_down', type: 'requests', message: 'Slow down.', param: 'messages' };
    const response = await send(
      {
        kind: 'status',
        status: 429,
        ...own,
        retry_after: 7,
        retry_after_ms: 6500,
        headers: { 'x-ratelimit-remaining-requests': '0' },
      },
      true,
    );
    await expect(response.json()).resolves.toEqual({ error: own });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'retry-after': '7',
      'retry-after-ms': '6500',
      'x-ratelimit-remaining-requests': '0',
      'x-request-id': expect.any(String),
    });
  });
});

describe('connections', () => {
  it('reset: the connection is reset before any header', async () => {
    await expect(send({ kind: 'reset' }, true)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    await simulator.controls.until((seen) => seen.dropped === 1);
    expect(simulator.controls.seen().counters).toMatchObject({ aborted: 0, by_status: {} });
  });

  it('hang: nothing comes until the client leaves', async () => {
    const leaving = new AbortController();
    const answer = send({ kind: 'hang' }, true, leaving.signal);
    await simulator.controls.until((seen) => seen.in_flight === 1);
    leaving.abort();
    await expect(answer).rejects.toThrow('aborted');
    await simulator.controls.until((seen) => seen.aborted === 1 && seen.in_flight === 0);
    expect(simulator.controls.seen().requests[0]).toMatchObject({ fault: 'hang', status: null, outcome: 'aborted' });
  });

  it.each<[Fault, number]>([
    [{ kind: 'hang_after_headers' }, 0],
    [{ kind: 'stall' }, 1],
    [{ kind: 'stall', after_chunks: 4 }, 4],
  ])('%j: the headers and %i chunks come, then silence until the client leaves', async (fault, chunks) => {
    const response = await send(fault, true);
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    let text = '';
    while (contentEvents(text) < chunks) {
      const piece = await reader?.read();
      text += Buffer.from(piece?.value ?? []).toString();
    }
    expect(contentEvents(text)).toBe(chunks);
    expect(simulator.controls.seen().counters).toMatchObject({ in_flight: 1, by_status: { 200: 1 } });
    await reader?.cancel();
    await simulator.controls.until((seen) => seen.aborted === 1);
    expect(simulator.controls.seen().counters).toMatchObject({ sent: 0, output_tokens: 0 });
  });

  it.each([0, 1, 4])('cut: the socket closes after %i chunks', async (after_chunks) => {
    const received = await receive({ kind: 'cut', after_chunks }, true);
    expect(received).toMatchObject({ status: 200, broken: true });
    expect(contentEvents(received.text)).toBe(after_chunks);
    expect(finished(received.text)).toBe(false);
    await simulator.controls.until((seen) => seen.dropped === 1);
    expect(simulator.controls.seen().counters).toMatchObject({ aborted: 0, output_tokens: 0 });
  });

  it('cut: a plain answer breaks off in its body', async () => {
    const received = await receive({ kind: 'cut' }, false);
    expect(received).toMatchObject({ status: 200, broken: true });
    expect(received.text).toMatch(/^\{"id"/);
    expect(isJson(received.text)).toBe(false);
  });
});

describe('answers that are wrong in themselves', () => {
  const streamed: [Fault, { chunks: number; finish: boolean; done: boolean }][] = [
    [
      { kind: 'malformed_chunk', after_chunks: 2 },
      { chunks: 6, finish: true, done: true },
    ],
    [{ kind: 'missing_finish' }, { chunks: 6, finish: false, done: false }],
    [
      { kind: 'missing_finish', after_chunks: 3, done: true },
      { chunks: 3, finish: false, done: true },
    ],
    [{ kind: 'missing_done' }, { chunks: 6, finish: true, done: false }],
    [
      { kind: 'half_json', after_chunks: 2 },
      { chunks: 2, finish: false, done: false },
    ],
    [
      { kind: 'error_event', after_chunks: 2 },
      { chunks: 2, finish: false, done: false },
    ],
    [
      { kind: 'error_event', after_chunks: 0, done: true },
      { chunks: 0, finish: false, done: true },
    ],
    [
      { kind: 'content_filter', after_chunks: 2 },
      { chunks: 2, finish: true, done: true },
    ],
  ];

  it.each(streamed)('%j streams to a proper end of the connection', async (fault, expected) => {
    const received = await receive(fault, true);
    expect(received).toMatchObject({ status: 200, broken: false });
    const { text } = received;
    expect({ chunks: contentEvents(text), finish: finished(text), done: done(text) }).toEqual(expected);
  });

  it('malformed_chunk: one event of the stream is no JSON', async () => {
    const { text } = await receive({ kind: 'malformed_chunk', after_chunks: 2 }, true);
    const payloads = events(text).map((event) => event.slice('data: '.length));
    expect(payloads.filter((payload) => payload !== '[DONE]' && !isJson(payload))).toHaveLength(1);
    expect(isJson(payloads[3] ?? '')).toBe(false);
  });

  it('error_event: the SDK throws the error that the stream carries', async () => {
    const fault: Fault = { kind: 'error_event', status: 503, message: 'Engine died.' };
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
      ...{ simulator: { fault } },
    });
    const read = async () => {
      for await (const chunk of stream) {
        expect(chunk.object).toBe('chat.completion.chunk');
      }
    };
    await expect(read()).rejects.toMatchObject({ error: { message: 'Engine died.', code: 'server_is_overloaded' } });
  });

  it.each<[Fault, (text: string) => boolean]>([
    [{ kind: 'malformed_chunk' }, (text) => !isJson(text)],
    [{ kind: 'half_json' }, (text) => !isJson(text) && text.startsWith('{"id"')],
    [{ kind: 'missing_finish' }, (text) => text.includes('"finish_reason":null')],
    [{ kind: 'missing_done' }, (text) => text.includes('"finish_reason":"stop"')],
    [{ kind: 'error_event' }, (text) => text.startsWith('{"error":{')],
    [{ kind: 'content_filter' }, (text) => text.includes('"finish_reason":"content_filter"')],
  ])('%j comes as a plain 200 of its whole length', async (fault, holds) => {
    const received = await receive(fault, false);
    expect(received).toMatchObject({ status: 200, contentType: 'application/json', broken: false });
    expect({ text: received.text, holds: holds(received.text) }).toEqual({ text: received.text, holds: true });
  });

  it('html: 200 with a web page', async () => {
    for (const stream of [true, false]) {
      const received = await receive({ kind: 'html' }, stream);
      expect(received).toMatchObject({ status: 200, contentType: 'text/html; charset=utf-8', broken: false });
      expect(received.text).toMatch(/^<!doctype html>/);
    }
  });

  it('content_filter before content: 400', async () => {
    const received = await receive({ kind: 'content_filter', before_content: true }, true);
    expect(received.status).toBe(400);
    expect(JSON.parse(received.text)).toMatchObject({ error: { code: 'content_filter' } });
  });

  it('delays any of them', async () => {
    const startedMs = performance.now();
    const received = await receive({ kind: 'status', status: 500, delay_ms: 40 }, false);
    expect(received.status).toBe(500);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
  });

  it('counts tokens as served only for answers that are complete', async () => {
    const kinds: Fault[] = [
      { kind: 'half_json' },
      { kind: 'html' },
      { kind: 'missing_finish' },
      { kind: 'missing_done' },
    ];
    for (const fault of kinds) {
      await receive(fault, true);
    }
    const { counters } = simulator.controls.seen();
    expect(counters).toMatchObject({ sent: 4, input_tokens: 2, output_tokens: 6 });
    expect(counters.by_fault).toEqual({ half_json: 1, html: 1, missing_finish: 1, missing_done: 1 });
  });
});
