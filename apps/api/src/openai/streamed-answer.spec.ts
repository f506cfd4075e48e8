import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobEvent, JobEventType } from '#contracts/job-event.js';
import type { NewJob } from '#jobs/job-record.js';
import { FakeResponse } from '../http/fixtures/fake-response.js';
import type { OpenAiRequest } from './parse-openai-request.js';
import { StreamedAnswer, type StreamedAnswerDeps } from './streamed-answer.js';

const request = { includeUsage: true } as OpenAiRequest;
const job = { id: 'job_1', idempotency: null } as NewJob;
const cancel = jest.fn();

beforeEach(() => {
  jest.useFakeTimers();
  cancel.mockClear();
});
afterEach(() => {
  jest.useRealTimers();
});

interface Scene {
  events?: [JobEventType, unknown][];
  /** What reading throws after the events. */
  breaks?: unknown;
  record?: object;
  /** Called when the record is looked up at the end. */
  onLookUp?: () => void;
}

function answering({ events = [], breaks, record, onLookUp }: Scene): StreamedAnswer {
  async function* read(): AsyncGenerator<JobEvent, void> {
    let seq = 0;
    for (const [type, data] of events) yield Promise.resolve({ seq: ++seq, type, data: JSON.stringify(data) });
    if (breaks !== undefined) throw breaks as Error;
  }
  const deps = {
    submission: { create: () => Promise.resolve({ jobId: 'job_1', replayed: false }) },
    store: { cancel },
    jobs: {
      read: () => {
        onLookUp?.();
        return Promise.resolve(record ?? { type: 'chat', result: '{"usage":{"total_tokens":3}}', error: null });
      },
    },
    events: { read },
  };
  return new StreamedAnswer(deps as unknown as StreamedAnswerDeps);
}

const content: [JobEventType, unknown] = [
  'output.delta',
  { attempt: 1, choices: [{ index: 0, delta: { content: 'a' } }] },
];
const source = { job, replay: null };

it('events become chunks, usage and [DONE]', async () => {
  const response = new FakeResponse();
  const events: [JobEventType, unknown][] = [['job.queued', {}], ['job.started', {}], content, ['job.completed', {}]];
  await answering({ events }).answer(request, source, response.express);
  expect(response.written).toStrictEqual([
    'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n',
    'data: {"choices":[],"usage":{"total_tokens":3}}\n\n',
    'data: [DONE]\n\n',
  ]);
  expect(jest.getTimerCount()).toBe(0);
});

it('of an orchestration only the final text is streamed, with the usage of its completion', async () => {
  const response = new FakeResponse();
  const record = { type: 'orchestration', result: '{"mode":"planning","response":{"usage":{"total_tokens":9}}}' };
  const steps: [JobEventType, unknown][] = [
    ['step.started', { step: 'plan' }],
    ['attempt.started', { n: 1, model: 'm', provider: 'p', step: 'plan' }],
    ['step.failed', { step: 'candidate-1' }],
    ['step.completed', { step: 'plan', output: { text: 'not to be seen' } }],
  ];
  const events: [JobEventType, unknown][] = [...steps, content, ['job.completed', {}]];
  await answering({ events, record }).answer(request, source, response.express);
  expect(response.headers).toMatchObject({ 'x-tokenhub-model': 'm', 'x-tokenhub-provider': 'p' });
  expect(response.written).toStrictEqual([
    'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n',
    'data: {"choices":[],"usage":{"total_tokens":9}}\n\n',
    'data: [DONE]\n\n',
  ]);
});

it.each<[string, Scene, string | RegExp]>([
  ['the store goes away', { breaks: new Error('Connection is closed.') }, 'Connection is closed.'],
  ['the job disappears', {}, 'The job is gone.'],
])('when %s before the headers, that is thrown and no timer opens the stream later', async (_name, scene, message) => {
  const response = new FakeResponse();
  await expect(answering(scene).answer(request, source, response.express)).rejects.toThrow(message);
  expect(jest.getTimerCount()).toBe(0);
  jest.advanceTimersByTime(60_000);
  expect(response.headersSent).toBe(false);
});

it('when the store goes away in the middle, no keep-alive goes on', async () => {
  const response = new FakeResponse();
  const answer = answering({ events: [content], breaks: new Error('Connection is closed.') });
  await expect(answer.answer(request, source, response.express)).rejects.toThrow('Connection is closed.');
  expect(jest.getTimerCount()).toBe(0);
});

it('a reset is unseen before the first content, and ends the stream after it', async () => {
  const unseen = new FakeResponse();
  await answering({ events: [['output.reset', {}], content, ['job.completed', {}]] }).answer(
    request,
    source,
    unseen.express,
  );
  expect(unseen.text).toContain('[DONE]');
  const seen = new FakeResponse();
  await answering({ events: [content, ['output.reset', {}], content] }).answer(request, source, seen.express);
  expect(seen.text).toContain('"code":"stream_interrupted"');
  expect(seen.text.match(/"content":"a"/g)).toHaveLength(1);
});

it('a client that leaves at the very end cancels its job and leaves no timer', async () => {
  const response = new FakeResponse();
  await answering({ events: [['job.completed', {}]], onLookUp: () => response.close() }).answer(
    request,
    source,
    response.express,
  );
  expect(cancel).toHaveBeenCalledWith('job_1');
  expect(jest.getTimerCount()).toBe(0);
  expect(response.text).toBe('');
});

it('a job that ends without a result is answered with its error', async () => {
  const response = new FakeResponse();
  const answer = answering({ events: [['job.failed', {}]] }).answer(request, source, response.express);
  await expect(answer).rejects.toThrow(TokenhubError);
  await expect(answer).rejects.toMatchObject({ code: 'internal_error' });
});
