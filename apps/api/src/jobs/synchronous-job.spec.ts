import { describe, expect, it, jest } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import type { EndNotice } from '#jobs/notices.js';
import type { EndWaiter, WaitOptions } from '#jobs/wait-for-end.js';
import { FakeResponse } from '../http/fixtures/fake-response.js';
import type { Created, JobSubmission } from './job-submission.js';
import { SynchronousJob } from './synchronous-job.js';

const notice: EndNotice = {
  state: 'completed',
  model: 'm',
  provider: 'p',
  costNano: 1,
  attempts: 1,
  dropped: '',
  body: '{"response":{"id":"chatcmpl-1"}}',
};
const job = { id: 'job_1', type: 'chat', idempotency: null } as NewJob;

interface Scene {
  created?: Created | Error;
  ended?: Partial<EndNotice> | null;
  record?: object | null;
  kept?: boolean;
}

function scene({ created, ended = {}, record = null, kept = false }: Scene) {
  const waits: WaitOptions[] = [];
  const cancel = jest.fn(() => Promise.resolve('cancelled'));
  const read = jest.fn(() => Promise.resolve(record));
  const end = (_id: string, options: WaitOptions): Promise<EndNotice | null> => {
    waits.push(options);
    if (options.signal?.aborted) return Promise.reject(options.signal.reason as Error);
    return Promise.resolve(ended && { ...notice, ...ended });
  };
  const made = created ?? { jobId: 'job_1', replayed: false, levels: [] };
  const jobs = new SynchronousJob({
    submission: {
      create: () => (made instanceof Error ? Promise.reject(made) : Promise.resolve(made)),
    } as unknown as JobSubmission,
    waiter: { expectEnd: end, waitForEnd: end } as unknown as EndWaiter,
    store: { cancel, isKept: () => Promise.resolve(kept) } as unknown as JobStore,
    jobs: { read } as unknown as JobStore,
    syncTimeoutMs: 1_000,
  });
  return { jobs, waits, cancel, read, response: new FakeResponse() };
}

it('a refused request leaves nobody waiting for a job that was never made', async () => {
  const refusal = new TokenhubError('rate_limit_exceeded');
  const { jobs, waits, response } = scene({ created: refusal });
  await expect(jobs.complete({ job, replay: null }, response.express)).rejects.toBe(refusal);
  expect(waits.map(({ signal }) => signal?.aborted)).toEqual([true]);
});

describe('a completed job', () => {
  it('of one’s own is answered from the notice alone', async () => {
    const { jobs, read, response } = scene({});
    await expect(jobs.complete({ job, replay: null }, response.express)).resolves.toEqual({
      id: 'job_1',
      type: 'chat',
      notice,
      result: notice.body,
    });
    expect(read).not.toHaveBeenCalled();
  });

  it('that is too large for the notice is read from the record', async () => {
    const { jobs, response } = scene({ ended: { body: null }, record: { result: '"large"' } });
    await expect(jobs.complete({ job, replay: null }, response.express)).resolves.toMatchObject({ result: '"large"' });
  });

  it.each<[string, Scene, NewJob | null, Created | null]>([
    ['found by its key', {}, null, { jobId: 'job_2', replayed: true, levels: [] }],
    ['found while it was created', { created: { jobId: 'job_2', replayed: true, levels: [] } }, job, null],
  ])('of an idempotency key, %s, has the type of its record', async (_, given, own, replay) => {
    const { jobs, response } = scene({ ...given, record: { type: 'orchestration' } });
    await expect(jobs.complete({ job: own, replay }, response.express)).resolves.toMatchObject({
      id: 'job_2',
      type: 'orchestration',
    });
    expect(response.getHeader('idempotent-replayed')).toBe('true');
  });
});

it('a job that failed is its error', async () => {
  const error = { code: 'vote_failed', message: 'One voter answered.', class: null, providerStatus: null };
  const { jobs, response } = scene({ ended: { state: 'failed', body: JSON.stringify(error) } });
  await expect(jobs.complete({ job, replay: null }, response.express)).rejects.toMatchObject({ code: 'vote_failed' });
});

it.each([
  [false, 1, /cancelled/],
  [true, 0, /goes on/],
])('a wait that is over cancels a job that nobody can come back to (kept: %s)', async (kept, cancelled, words) => {
  const { jobs, cancel, response } = scene({ ended: null, kept });
  const timeout = expect.objectContaining({ code: 'sync_timeout', message: expect.stringMatching(words) as unknown });
  await expect(jobs.complete({ job, replay: null }, response.express)).rejects.toEqual(timeout);
  expect(cancel).toHaveBeenCalledTimes(cancelled);
});

it.each<[string, NewJob['idempotency'], number]>([
  ['without a key cancels its job', null, 1],
  ['with a key leaves it to the retry', { key: 'k', fingerprint: 'f' }, 0],
])('a client that has gone %s', async (_, idempotency, cancelled) => {
  const { jobs, cancel, response } = scene({});
  response.close();
  await expect(jobs.complete({ job: { ...job, idempotency }, replay: null }, response.express)).resolves.toBeNull();
  expect(cancel).toHaveBeenCalledTimes(cancelled);
  expect(response.headersSent).toBe(false);
});
