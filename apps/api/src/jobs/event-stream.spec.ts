import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { JobEvent, JobEventType } from '#contracts/job-event.js';
import { FakeResponse } from '../http/fixtures/fake-response.js';
import { eventMessage, EventStream } from './event-stream.js';

const KEEP_ALIVE = ': keep-alive\n\n';
const never = new AbortController().signal;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function opened(): { response: FakeResponse; stream: EventStream } {
  const response = new FakeResponse();
  const stream = new EventStream(response.express);
  stream.open({ 'x-more': '1' });
  return { response, stream };
}

/** Whether a promise has settled by now, without waiting for it. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const note = (): void => void (done = true);
  promise.then(note, note);
  await jest.advanceTimersByTimeAsync(0);
  return done;
}

it('opening sends the headers of an event stream that no proxy may keep back', () => {
  const { response } = opened();
  expect(response).toMatchObject({ statusCode: 200, headersSent: true, text: '' });
  expect(response.headers).toStrictEqual({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-more': '1',
  });
});

describe('keep-alive', () => {
  it('is a comment every 15 s from the opening on', () => {
    const { response } = opened();
    jest.advanceTimersByTime(14_999);
    expect(response.written).toStrictEqual([]);
    jest.advanceTimersByTime(1);
    expect(response.written).toStrictEqual([KEEP_ALIVE]);
    jest.advanceTimersByTime(30_000);
    expect(response.written).toStrictEqual([KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE]);
  });

  it.each<[string, (stream: EventStream) => void, boolean]>([
    ['closing', (stream) => stream.close(), true],
    ['stopping', (stream) => stream.stopKeepalive(), false],
  ])('ends with %s', (_name, end, ended) => {
    const { response, stream } = opened();
    end(stream);
    expect(jest.getTimerCount()).toBe(0);
    expect(response).toMatchObject({ writableEnded: ended, text: '' });
  });
});

describe('sending', () => {
  it('writes at once to a client that reads', async () => {
    const { response, stream } = opened();
    expect(await settled(stream.send('a', never))).toBe(true);
    expect(response.text).toBe('a');
  });

  it('waits for a client that does not read, and for no longer', async () => {
    const { response, stream } = opened();
    response.full = true;
    const sending = stream.send('a', never);
    expect(await settled(sending)).toBe(false);
    expect(response.text).toBe('a');
    response.drain();
    await sending;
  });

  it('ends with the reason when the client goes away meanwhile', async () => {
    const { response, stream } = opened();
    const gone = new AbortController();
    response.full = true;
    const sending = stream.send('a', gone.signal);
    const caught = expect(sending).rejects.toThrow('left');
    gone.abort(new Error('left'));
    await caught;
  });

  it('ends with the reason when the client had gone away before: nothing would ever drain', async () => {
    const { response, stream } = opened();
    response.full = true;
    const sending = stream.send('a', AbortSignal.abort(new Error('left')));
    const caught = expect(sending).rejects.toThrow('left');
    expect(await settled(sending)).toBe(true);
    await caught;
    expect(response.text).toBe('');
  });

  it('leaves no listener behind, however often it had to wait', async () => {
    const { response, stream } = opened();
    const gone = new AbortController();
    for (let i = 0; i < 20; i++) {
      response.full = true;
      const sending = stream.send('a', gone.signal);
      response.drain();
      await sending;
    }
    expect(response.listenerCount('drain')).toBe(0);
    expect(getEventListeners(gone.signal, 'abort')).toStrictEqual([]);
  });
});

describe('an event on the wire', () => {
  const job = (): Promise<Record<string, unknown>> => Promise.resolve({ id: 'job_1', text: 'two\nlines' });
  const event = (type: JobEventType, data: string): JobEvent => ({ seq: 7, type, data });

  async function received(message: string): Promise<EventSourceMessage[]> {
    const messages: EventSourceMessage[] = [];
    createParser({ onEvent: (each) => messages.push(each) }).feed(message);
    return Promise.resolve(messages);
  }

  it('has its number, its type and its data, in this form', async () => {
    expect(await eventMessage(event('output.delta', '{"a":"x\\ny"}'), job)).toBe(
      'id: 7\nevent: output.delta\ndata: {"a":"x\\ny"}\n\n',
    );
  });

  it.each<[JobEventType]>([['job.completed'], ['job.failed'], ['job.cancelled'], ['job.expired']])(
    '%s carries the whole job',
    async (type) => {
      const messages = await received(await eventMessage(event(type, '{"state":"x"}'), job));
      expect(messages).toStrictEqual([{ id: '7', event: type, data: '{"id":"job_1","text":"two\\nlines"}' }]);
    },
  );

  it.each<[JobEventType]>([
    ['job.queued'],
    ['job.started'],
    ['attempt.started'],
    ['output.reset'],
    ['step.started'],
    ['step.completed'],
    ['step.failed'],
  ])('%s carries what was logged, and does not look the job up', async (type) => {
    const look = jest.fn(job);
    const [message] = await received(await eventMessage(event(type, '{"n":1}'), look));
    expect(message).toMatchObject({ event: type, data: '{"n":1}' });
    expect(look).not.toHaveBeenCalled();
  });

  it('attempt.failed carries the attempt as the job shows it', async () => {
    const record = { n: 2, waitedMs: 5, costNano: 0, error: null, usage: null, usageEstimated: true };
    const [message] = await received(await eventMessage(event('attempt.failed', JSON.stringify(record)), job));
    expect(JSON.parse(message?.data ?? '')).toMatchObject({ n: 2, waited_ms: 5, usage_estimated: true, cost_usd: 0 });
  });
});
