import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { ChoiceDelta, OutputDelta } from '#contracts/output-delta.js';
import { FakeResponse } from '../http/fixtures/fake-response.js';
import { ChunkStream } from './chunk-stream.js';
import type { OpenAiRequest } from './parse-openai-request.js';

const envelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const delta = (content: string, more: Partial<ChoiceDelta> = {}): ChoiceDelta => ({
  index: 0,
  delta: { content },
  ...more,
});
const output = (choices: ChoiceDelta[], first = false): OutputDelta => ({
  attempt: 1,
  choices,
  ...(first && { envelope }),
});
const KEEP_ALIVE = ': keep-alive\n\n';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function started(options: { includeUsage?: boolean; signal?: AbortSignal } = {}): {
  response: FakeResponse;
  chunks: ChunkStream;
} {
  const response = new FakeResponse();
  const request = { includeUsage: options.includeUsage ?? false } as OpenAiRequest;
  const signal = options.signal ?? new AbortController().signal;
  return { response, chunks: new ChunkStream(response.express, { jobId: 'job_1', request, signal }) };
}

/** The chunks that a client parses, and `[DONE]` as it is. */
function received({ text }: FakeResponse): unknown[] {
  return text
    .split('\n\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => (line === 'data: [DONE]' ? '[DONE]' : (JSON.parse(line.slice(6)) as unknown)));
}

describe('the headers', () => {
  it('leave with the first content, and say what is known by then', async () => {
    const { response, chunks } = started();
    chunks.attemptStarted({ n: 1, model: 'broken', provider: 'p' });
    chunks.attemptStarted({ n: 2, model: 'größe', provider: 'p' });
    expect(response.headersSent).toBe(false);
    await chunks.write(output([delta('a')], true));
    expect(response).toMatchObject({ statusCode: 200 });
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-tokenhub-job-id': 'job_1',
      'x-tokenhub-model': 'gr%C3%B6%C3%9Fe',
      'x-tokenhub-provider': 'p',
      'x-tokenhub-attempts': '2',
    });
  });

  it('count the attempts that were started: not one that was put off, and only once one that was started again', async () => {
    const { response, chunks } = started();
    chunks.attemptStarted({ n: 1, model: 'broken', provider: 'p' });
    chunks.attemptStarted({ n: 3, model: 'm', provider: 'p' });
    chunks.attemptStarted({ n: 3, model: 'm', provider: 'p' });
    await chunks.write(output([delta('a')], true));
    expect(response.headers).toMatchObject({ 'x-tokenhub-attempts': '2' });
  });

  it('of an orchestration name the step that speaks, and count the attempts of all', async () => {
    const { response, chunks } = started();
    chunks.attemptStarted({ n: 1, model: 'planner', provider: 'a', step: 'plan' });
    chunks.attemptStarted({ n: 1, model: 'broken', provider: 'b', step: 'critique-1' });
    chunks.attemptStarted({ n: 2, model: 'critic', provider: 'c', step: 'critique-1' });
    await chunks.write({ ...output([delta('a')], true), step: 'plan' });
    expect(response.headers).toMatchObject({
      'x-tokenhub-model': 'planner',
      'x-tokenhub-provider': 'a',
      'x-tokenhub-attempts': '3',
    });
  });

  it('of an orchestration that leave before its first words name no model: who will speak is not known', () => {
    const { response, chunks } = started();
    chunks.attemptStarted({ n: 1, model: 'planner', provider: 'a', step: 'plan' });
    jest.advanceTimersByTime(15_000);
    expect(response.headers).toMatchObject({ 'x-tokenhub-job-id': 'job_1' });
    expect(response.headers).not.toHaveProperty('x-tokenhub-model');
  });

  it('leave after 15 s without content, and keep-alive comments follow', () => {
    const { response, chunks } = started();
    jest.advanceTimersByTime(14_999);
    expect(response.headersSent).toBe(false);
    jest.advanceTimersByTime(1);
    expect(response).toMatchObject({ headersSent: true, text: '' });
    expect(chunks.opened).toBe(true);
    expect(response.headers).not.toHaveProperty('x-tokenhub-model');
    jest.advanceTimersByTime(30_000);
    expect(response.text).toBe(KEEP_ALIVE + KEEP_ALIVE);
  });

  it('leave once', async () => {
    const { response, chunks } = started();
    await chunks.write(output([delta('a')], true));
    jest.advanceTimersByTime(15_000);
    await chunks.write(output([delta('b')]));
    expect(received(response)).toHaveLength(2);
  });
});

describe('chunks', () => {
  it('all have the envelope of the first', async () => {
    const { response, chunks } = started();
    await chunks.write(output([{ index: 0, delta: { role: 'assistant', content: '' } }], true));
    await chunks.write(output([delta('a')]));
    await chunks.finish(null);
    expect(received(response)).toStrictEqual([
      { ...envelope, choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] },
      { ...envelope, choices: [delta('a')] },
      '[DONE]',
    ]);
    expect(response.writableEnded).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('have one choice each, and the finish apart from the content', async () => {
    const { response, chunks } = started();
    await chunks.write(output([delta('a'), { ...delta('b'), index: 1 }], true));
    await chunks.write(output([delta('c', { finish_reason: 'stop', logprobs: { content: [] } })]));
    await chunks.write(output([{ index: 1, text: 'd', finish_reason: 'length' }]));
    expect(received(response)).toStrictEqual(
      [
        delta('a'),
        { ...delta('b'), index: 1 },
        { ...delta('c'), finish_reason: null, logprobs: { content: [] } },
        { index: 0, delta: {}, finish_reason: 'stop', logprobs: null },
        { index: 1, text: 'd', finish_reason: 'length' },
      ].map((choice) => ({ ...envelope, choices: [choice] })),
    );
  });

  it('wait for a client that does not read', async () => {
    const { response, chunks } = started();
    response.full = true;
    let written = false;
    const writing = chunks.write(output([delta('a')], true)).then(() => (written = true));
    await jest.advanceTimersByTimeAsync(0);
    expect(written).toBe(false);
    response.drain();
    await writing;
  });
});

describe('usage', () => {
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };

  it('comes in a chunk of its own when asked for, and is null in every other', async () => {
    const { response, chunks } = started({ includeUsage: true });
    await chunks.write(output([delta('a')], true));
    await chunks.finish(usage);
    expect(received(response)).toStrictEqual([
      { ...envelope, choices: [delta('a')], usage: null },
      { ...envelope, choices: [], usage },
      '[DONE]',
    ]);
  });

  it('never comes unasked: clients look at choices[0] blindly', async () => {
    const { response, chunks } = started();
    await chunks.write(output([delta('a')], true));
    await chunks.finish(usage);
    expect(received(response)).toStrictEqual([{ ...envelope, choices: [delta('a')] }, '[DONE]']);
  });

  it('that nobody knows is left out', async () => {
    const { response, chunks } = started({ includeUsage: true });
    await chunks.finish(null);
    expect(received(response)).toStrictEqual(['[DONE]']);
  });
});

describe('a failure', () => {
  const failure = new TokenhubError('provider_error', 'It broke.');

  it('before the headers is thrown, for an answer with a status of its own, and no timer is left', () => {
    const { response, chunks } = started();
    expect(() => chunks.fail(failure)).toThrow(failure);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(60_000);
    expect(response.headersSent).toBe(false);
  });

  it('after the headers is the last event, without [DONE]', async () => {
    const { response, chunks } = started();
    await chunks.write(output([delta('a')], true));
    chunks.fail(failure);
    expect(received(response).at(-1)).toStrictEqual({
      error: { message: 'It broke.', type: 'server_error', param: null, code: 'provider_error' },
    });
    expect(response.writableEnded).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a client that goes away', () => {
  const gone = new Error('gone');

  it('before the headers never gets them', () => {
    const controller = new AbortController();
    const { response } = started({ signal: controller.signal });
    controller.abort(gone);
    jest.advanceTimersByTime(60_000);
    expect(response.headersSent).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('before the stream began leaves no timer', () => {
    started({ signal: AbortSignal.abort(gone) });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('while its usage is looked up leaves no keep-alive', async () => {
    const controller = new AbortController();
    const { response, chunks } = started({ signal: controller.signal });
    controller.abort(gone);
    await expect(chunks.finish(null)).rejects.toBe(gone);
    await expect(chunks.write(output([delta('a')], true))).rejects.toBe(gone);
    expect(jest.getTimerCount()).toBe(0);
    expect(response.text).toBe('');
  });

  it('in the middle ends the keep-alive', async () => {
    const controller = new AbortController();
    const { response, chunks } = started({ signal: controller.signal });
    await chunks.write(output([delta('a')], true));
    controller.abort(gone);
    jest.advanceTimersByTime(60_000);
    expect(response.text).not.toContain(KEEP_ALIVE);
    await expect(chunks.write(output([delta('b')]))).rejects.toBe(gone);
  });
});
