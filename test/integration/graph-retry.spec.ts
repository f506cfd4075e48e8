import { describe, expect, it } from '@jest/globals';
import { DEFAULT_OUTPUT, defaultOrchestration } from '#contracts/orchestration.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { SubmitRequest } from '../../apps/api/src/jobs/submit-request.js';
import { ADVERSARIAL, byStep, parsed } from './support/graph-turns.js';
import { RedisFixture } from './support/redis-fixture.js';
import { PRINCIPAL, requestOf, submissionOf } from './support/submission.js';
import { answers, fails, hangs } from './support/turns.js';
import { ended, read, ScriptedAdapter, startWorkerRig, type Turn } from './support/worker-rig.js';

const fixture = new RedisFixture();

interface Retried {
  failed: JobRecord;
  again: JobRecord;
  adapter: ScriptedAdapter;
  /** Calls that the first job made. */
  before: number;
}

/** Submits, lets it fail, and tries it again. */
async function retried(options: Partial<SubmitRequest>, turn: Turn): Promise<Retried> {
  const adapter = new ScriptedAdapter([turn]);
  const submission = submissionOf(fixture, await startWorkerRig(fixture, { adapter }));
  const { jobId } = await submission.create(await submission.plan(requestOf(options)));
  const failed = await ended(fixture, { id: jobId });
  const before = adapter.calls.length;
  const created = await submission.create(await submission.planRetry(failed, PRINCIPAL));
  return { failed, again: await ended(fixture, { id: created.jobId }), adapter, before };
}

const adversarial = defaultOrchestration('adversarial');

describe('trying a failed graph again', () => {
  it('goes on from the step that failed: what was finished is taken over and not paid for again', async () => {
    const { failed, again, adapter, before } = await retried(
      { orchestration: adversarial },
      byStep({ ...ADVERSARIAL, critique: [fails('invalid_request'), answers('Too short.')] }),
    );
    expect(failed.state).toBe('failed');
    expect(again).toMatchObject({ state: 'completed', retryOf: failed.id, type: 'orchestration' });
    expect(adapter.calls.length - before).toBe(2);
    expect(again.steps.map(({ id, state, taken, costNano }) => [id, state, taken, costNano > 0])).toEqual([
      ['plan', 'completed', true, false],
      ['critique-1', 'completed', false, true],
      ['refine-1', 'completed', false, true],
    ]);
    expect(again.costNano).toBe(again.steps.reduce((sum, { costNano }) => sum + costNano, 0));
    expect(parsed(again.result)).toMatchObject({ initial_plan: 'the plan', refined_plan: 'the refined plan' });
  });

  it('has as long as the first had, from now on, and keeps what was asked for', async () => {
    const { failed, again } = await retried(
      { orchestration: adversarial, deadline: Date.now() + 3_000 },
      byStep({ ...ADVERSARIAL, critique: [hangs, answers('Good.\nAPPROVED')] }),
    );
    expect(failed.state).toBe('expired');
    expect(again.state).toBe('completed');
    const lifetime = ({ deadline, createdAt }: JobRecord): number => deadline - createdAt;
    expect(Math.abs(lifetime(again) - lifetime(failed))).toBeLessThan(1_000);
    expect(again).toMatchObject({ policy: failed.policy, metadata: failed.metadata });
  });

  it('asks the failed candidates of a vote again, and those alone', async () => {
    // One of the candidates, whichever is second, and the judge.
    const first = [answers('good'), fails('invalid_request'), answers('good')];
    const judge = [fails('invalid_request'), answers('VERDICT: A')];
    const { failed, again, adapter, before } = await retried(
      { orchestration: { ...defaultOrchestration('vote'), voters: 3 } },
      byStep({ first, judge }),
    );
    expect(failed.state).toBe('failed');
    expect(again.state).toBe('completed');
    expect(adapter.calls.length - before).toBe(2);
    expect(again.steps.filter(({ taken }) => taken)).toHaveLength(2);
    expect(parsed(again.result).responses).toHaveLength(3);
  });

  it('ends a job of which every step was finished, and calls nobody', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const submission = submissionOf(fixture, await startWorkerRig(fixture, { adapter }));
    const { jobId } = await submission.create(await submission.plan(requestOf({ orchestration: adversarial })));
    const done = await ended(fixture, { id: jobId });
    // As of a job whose last worker died between the end of its last step and the job's own, until the deadline.
    const again = await submission.create(await submission.planRetry({ ...done, state: 'expired' }, PRINCIPAL));
    const record = await ended(fixture, { id: again.jobId });
    expect(record).toMatchObject({ state: 'completed', costNano: 0, attempts: [] });
    expect(parsed(record.result)).toEqual(parsed(done.result));
    expect(adapter.calls).toHaveLength(3);
  });

  it('of a checked chat stays one', async () => {
    const { again } = await retried(
      { output: { ...DEFAULT_OUTPUT, format: 'json' } },
      byStep({ first: [fails('invalid_request'), answers('{"a":1}')] }),
    );
    expect(again).toMatchObject({ state: 'completed', type: 'chat' });
    expect(again.result).toContain('{\\"a\\":1}');
  });
});

describe('trying a failed job of one call again', () => {
  it('keeps its request and its policy', async () => {
    const { failed, again, adapter } = await retried(
      {},
      byStep({ first: [fails('invalid_request'), answers('good')] }),
    );
    expect(again).toMatchObject({ state: 'completed', type: 'chat', retryOf: failed.id, steps: [] });
    expect(again.policy).toEqual({ ...DEFAULT_POLICY, mode: 'cheap', maxAttempts: 3 });
    expect(adapter.calls.map(({ body }) => body)).toEqual([requestOf().body, requestOf().body]);
  });

  it('is refused for one that has not failed', async () => {
    const adapter = new ScriptedAdapter([answers('good')]);
    const submission = submissionOf(fixture, await startWorkerRig(fixture, { adapter }));
    const { jobId } = await submission.create(await submission.plan(requestOf()));
    await expect(submission.planRetry(await ended(fixture, { id: jobId }), PRINCIPAL)).rejects.toMatchObject({
      code: 'job_not_retryable',
    });
    expect((await read(fixture, { id: jobId })).state).toBe('completed');
  });
});
