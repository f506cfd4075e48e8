import { describe, expect, it } from '@jest/globals';
import type { JobRecord, NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import type { ProviderCall } from '#providers/provider-adapter.js';
import { GRAPH_TRIES } from '#queues/graph-queue.js';
import { waitFor } from '#testing/wait-for.js';
import { ADVERSARIAL, byStep } from './support/graph-turns.js';
import { announcedParts, Grave, Interceptor, type Moment } from './support/killer.js';
import { newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { ended, eventsOf, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();

type Boundary = Pick<Moment, 'at' | 'when' | 'step'>;

const STEPS = ['plan', 'critique-1', 'refine-1'] as const;
const OF_STEPS = ['graphs.openCall', 'queues.enqueue', 'attempts.finishCall'] as const;
const EVERY: Boundary[] = (['before', 'after'] as const).flatMap((when) => [
  ...OF_STEPS.flatMap((at) => STEPS.map((step) => ({ at, when, step }))),
  { at: 'graphs.finish', when, step: null },
]);
/** Where an answer is lost because nobody has written it down: its call, and nothing but it, is made again. */
const LOSES_AN_ANSWER: readonly Boundary[] = STEPS.map((step) => ({ at: 'attempts.finishCall', when: 'before', step }));
const NO_CALL_AGAIN = EVERY.filter((one) => !LOSES_AN_ANSWER.some((lost) => nameOf(lost) === nameOf(one)));

function nameOf({ at, when, step }: Boundary): string {
  return `${when} ${at}${step === null ? '' : ` of ${step}`}`;
}

/** An adversarial job for each boundary, which its request names: so does everything that is asked for it. */
function jobFor(boundary: Boundary): NewJob {
  return newGraph(
    { mode: 'adversarial' },
    { request: { messages: [{ role: 'user', content: `Say it. <${nameOf(boundary)}>` }] } },
  );
}

function callsOf(adapter: ScriptedAdapter, boundary: Boundary): ProviderCall[] {
  return adapter.calls.filter(({ body }) => JSON.stringify(body).includes(`<${nameOf(boundary)}>`));
}

/** What each step was paid for, and that the job was paid for it. */
function expectPaidOnce(record: JobRecord): void {
  const costs = record.steps.map(({ costNano }) => costNano);
  expect(new Set(costs).size).toBe(1);
  expect(costs.reduce((sum, cost) => sum + cost, 0)).toBe(record.costNano);
  expect(record.attempts.filter(({ state }) => state === 'completed')).toHaveLength(3);
}

async function stepEvents(job: NewJob): Promise<string[]> {
  return (await eventsOf(fixture, job)).map(({ type }) => type).filter((type) => type.startsWith('step.'));
}

const ONCE = STEPS.flatMap(() => ['step.started', 'step.completed']);

describe('a worker that dies between any two writes', () => {
  it('loses nothing: each graph completes elsewhere, and no finished step is run again', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const grave = new Grave();
    const jobs = new Map<string, Boundary>();
    let dead = false;
    const dying = announcedParts(
      fixture,
      new Interceptor(async ({ jobId, ...moment }) => {
        const boundary = jobs.get(jobId);
        if (dead || (boundary && nameOf(boundary) === nameOf(moment))) await grave.lay();
      }),
    );
    await startWorkerRig(fixture, { adapter, parts: dying, concurrency: 50 });
    const submitted = EVERY.map((boundary) => ({ boundary, job: jobFor(boundary) }));
    for (const { job, boundary } of submitted) jobs.set(job.id, boundary);
    for (const { job } of submitted) await submit(fixture, job);
    await waitFor(() => grave.size === EVERY.length, { describe: 'every graph to stand at its boundary' });
    dead = true;
    dying.redis.disconnect();
    fixture.after(() => grave.clear());

    await startWorkerRig(fixture, { adapter, concurrency: 50 });
    for (const { boundary, job } of submitted) {
      const record = await ended(fixture, job, 30_000);
      expect([nameOf(boundary), record.state]).toEqual([nameOf(boundary), 'completed']);
      expect([nameOf(boundary), await stepEvents(job)]).toEqual([nameOf(boundary), ONCE]);
      expectPaidOnce(record);
    }
    const callsMade = (boundary: Boundary): [string, number] => [nameOf(boundary), callsOf(adapter, boundary).length];
    expect(NO_CALL_AGAIN.map(callsMade)).toEqual(NO_CALL_AGAIN.map((boundary) => [nameOf(boundary), 3]));
    expect(LOSES_AN_ANSWER.map(callsMade)).toEqual(LOSES_AN_ANSWER.map((boundary) => [nameOf(boundary), 4]));
  });
});

describe('a graph whose driving throws', () => {
  it('is tried again within seconds, wherever it threw', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const jobs = new Map<string, Boundary>();
    const flaky = new Interceptor(({ jobId, ...moment }) => {
      const boundary = jobs.get(jobId);
      if (!boundary || nameOf(boundary) !== nameOf(moment)) return Promise.resolve();
      jobs.delete(jobId);
      return Promise.reject(new Error(`broken ${nameOf(boundary)}`));
    });
    await startWorkerRig(fixture, { adapter, parts: announcedParts(fixture, flaky), concurrency: 50 });
    const ofSteps = EVERY.filter(({ at }) => at.startsWith('graphs.') || at === 'queues.enqueue');
    const submitted = ofSteps.map((boundary) => ({ boundary, job: jobFor(boundary) }));
    for (const { job, boundary } of submitted) jobs.set(job.id, boundary);
    const startedAt = Date.now();
    for (const { job } of submitted) await submit(fixture, job);
    for (const { boundary, job } of submitted) {
      const record = await ended(fixture, job);
      expect([nameOf(boundary), record.state]).toEqual([nameOf(boundary), 'completed']);
      expect([nameOf(boundary), callsOf(adapter, boundary).length]).toEqual([nameOf(boundary), 3]);
      expectPaidOnce(record);
    }
    expect(jobs.size).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(30_000);
  });

  it.each([
    ['whatever it does', async () => Promise.reject(new Error('a bug'))],
    ['because its record cannot be read', async (jobId: string) => breakRecord(jobId)],
  ])('%s is given up after a bounded number of tries, and the job fails as ours', async (_why, fault) => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    let tries = 0;
    const poison = new Interceptor(({ at, when, jobId }) => {
      if (at !== 'graphs.read' || when === 'after') return Promise.resolve();
      tries += 1;
      return fault(jobId);
    });
    await startWorkerRig(fixture, { adapter, parts: announcedParts(fixture, poison) });
    const job = await submit(fixture, newGraph({ mode: 'planning' }));
    await waitFor(async () => {
      // Not waiting for the pauses between its tries.
      for (const graph of await fixture.graphQueue.queue.getDelayed()) await graph.promote();
      return (await fixture.store.look(job.id))?.state === 'failed';
    });
    expect(tries).toBe(GRAPH_TRIES);
    expect(await fixture.redis.hget(keys.job(job.id), 'error')).toContain('internal_error');
    await waitFor(async () => (await fixture.graphQueue.queue.getJobCountByTypes('active', 'delayed', 'failed')) === 0);
    expect(adapter.calls).toEqual([]);
  });
});

async function breakRecord(jobId: string): Promise<void> {
  await fixture.redis.hset(keys.steps(jobId), 'plan', '{');
}
