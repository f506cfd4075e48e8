import { expect, it } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobStore } from '#jobs/job-store.js';
import type { EndWaiter, WaitOptions } from '#jobs/wait-for-end.js';
import type { AuthenticatedRequest } from '../auth/key.guard.js';
import { FakeResponse } from '../http/fixtures/fake-response.js';
import type { JobSubmission } from '../jobs/job-submission.js';
import type { StreamedAnswer } from './streamed-answer.js';
import { SynchronousAnswer } from './synchronous-answer.js';

it('a refused request leaves nobody waiting for a job that was never made', async () => {
  const waits: WaitOptions[] = [];
  const refusal = new TokenhubError('rate_limit_exceeded');
  const answer = new SynchronousAnswer({
    submission: {
      findReplay: () => Promise.resolve(null),
      plan: () => Promise.resolve({ id: 'job_1', idempotency: null }),
      create: () => Promise.reject(refusal),
    } as unknown as JobSubmission,
    waiter: {
      expectEnd: (_id: string, options: WaitOptions) => {
        waits.push(options);
        return new Promise(() => undefined);
      },
    } as unknown as EndWaiter,
    store: {} as JobStore,
    streamed: {} as StreamedAnswer,
    syncTimeoutMs: 1_000,
  });
  const request = { body: { messages: [{ role: 'user', content: 'Hi' }] }, headers: {}, principal: {} };
  await expect(answer.answer('chat', request as AuthenticatedRequest, new FakeResponse().express)).rejects.toBe(
    refusal,
  );
  expect(waits.map(({ signal }) => signal?.aborted)).toEqual([true]);
});
