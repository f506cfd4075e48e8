import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Usage } from '#contracts/usage.js';
import type { NewJob } from '#jobs/job-record.js';
import { waitFor } from '#testing/wait-for.js';
import { ADVERSARIAL, byStep } from './support/graph-turns.js';
import { announcedParts, Interceptor } from './support/killer.js';
import { newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { seededRandom, testSeed } from './support/seeded-random.js';
import { answers, hangs, streams } from './support/turns.js';
import { ended, eventsOf, ScriptedAdapter, startWorkerRig, submit, type RigParts } from './support/worker-rig.js';

const fixture = new RedisFixture();

const seed = testSeed();
const GRAPHS = 50;
const LONGEST_PAUSE_MS = 12;

/** A worker's parts of which each takes its time, as the seed has it. */
function slowParts(random: (limit: number) => number): RigParts {
  return announcedParts(
    fixture,
    new Interceptor(async () => {
      const ms = random(LONGEST_PAUSE_MS);
      // Half of the moments pass at once.
      if (ms > LONGEST_PAUSE_MS / 2) await sleep(ms);
    }),
  );
}

/** Chains and votes in turn. */
function graphOf(n: number): NewJob {
  const mode = (['adversarial', 'vote', 'refine'] as const)[n % 3] ?? 'vote';
  return newGraph({ mode, iterations: 1 }, { request: { messages: [{ role: 'user', content: `Say it. <${n}>` }] } });
}

const cost = ({ inputTokens }: Usage): boolean => inputTokens > 0;

describe('many workers that drive the same graphs at once', () => {
  it(`commit each thing once: calls, steps, ends and what they cost (TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    const adapter = new ScriptedAdapter([
      byStep({
        ...ADVERSARIAL,
        judge: answers('Both.\nVERDICT: A'),
        review: answers('Too short.'),
        improve: answers('the improved answer'),
      }),
    ]);
    for (let i = 0; i < 2; i++) await startWorkerRig(fixture, { adapter, parts: slowParts(random), concurrency: 20 });
    const jobs = Array.from({ length: GRAPHS }, (_, n) => graphOf(n));
    await Promise.all(jobs.map((job) => submit(fixture, job)));
    // Drivers that nobody needs, at any time.
    for (let i = 0; i < 2 * GRAPHS; i++) {
      const job = jobs[random(jobs.length)];
      if (job) await fixture.graphQueue.enqueue(job.id, { build: 100 + i, priority: 'low' });
      await sleep(random(LONGEST_PAUSE_MS));
    }
    for (const [n, job] of jobs.entries()) {
      const record = await ended(fixture, job, 30_000);
      const nodes = job.graph?.plan.nodes.length ?? 0;
      expect([n, record.state, record.error]).toEqual([n, 'completed', null]);
      expect([n, adapter.calls.filter(({ body }) => JSON.stringify(body).includes(`<${n}>`)).length]).toEqual([
        n,
        nodes,
      ]);
      const types = (await eventsOf(fixture, job)).map(({ type }) => type);
      for (const [type, times] of [
        ['step.started', nodes],
        ['step.completed', nodes],
        ['job.completed', 1],
      ] as const)
        expect([n, type, types.filter((one) => one === type).length]).toEqual([n, type, times]);
      expect(record.attempts.filter(({ usage }) => usage && cost(usage))).toHaveLength(nodes);
      expect(record.attempts.reduce((sum, { costNano }) => sum + costNano, 0)).toBe(record.costNano);
    }
  });
});

describe('a graph that is slower than its attempt', () => {
  it('sees at once that it has nothing to wait for', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const late = new Interceptor(async ({ at, when, jobId, step }) => {
      if (at !== 'queues.enqueue' || when !== 'after') return;
      const left = `*pool*${jobId}-${step}.1*`;
      await waitFor(async () => (await fixture.redis.keys(left)).length === 0, { describe: 'the attempt to be gone' });
    });
    await startWorkerRig(fixture, { adapter, parts: announcedParts(fixture, late) });
    const startedAt = performance.now();
    const record = await ended(fixture, await submit(fixture, newGraph({ mode: 'adversarial' })));
    expect(record.state).toBe('completed');
    // Whoever is not woken looks again after five seconds.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('a graph that is given up', () => {
  it('stops what still runs of it upstream, and records it', async () => {
    const adapter = new ScriptedAdapter([byStep({ first: streams(['half'], hangs) })]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newGraph({ mode: 'vote' }));
    await waitFor(() => adapter.inFlight === 3, { describe: 'three calls' });
    const graph = await fixture.graphs.read(job.id);
    if (graph === null) throw new Error('no graph');
    const end = { state: 'failed', body: '{}', model: '', provider: '', delta: null, skipped: [] } as const;
    expect(await fixture.graphs.finish(graph, end)).toBe(true);
    await waitFor(() => adapter.inFlight === 0, { describe: 'the calls to be stopped' });
    expect(adapter.calls.every(({ signal }) => signal.aborted)).toBe(true);
    await waitFor(async () => (await fixture.store.read(job.id))?.attempts.length === 3, { describe: 'their records' });
  });
});
