import { describe, expect, it } from '@jest/globals';
import { TERMINAL_STATES, type TerminalState } from '#contracts/job-state.js';
import type { HookTarget } from '#contracts/webhook.js';
import { MAX_CRASHES } from '#jobs/attempt-store.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { newJob, outcomeOf, runOf, unkept, delta, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { payloadOf } from './support/worker-rig.js';

const fixture = new RedisFixture();

const OWN: HookTarget = { endpoint: null, url: 'https://example.org/own?token=x', events: ['job.*'] };
const ALL: HookTarget = { endpoint: 'all', url: null, events: ['job.*'] };
const only = (state: TerminalState): HookTarget => ({ endpoint: `on-${state}`, url: null, events: [`job.${state}`] });

type Entry = Record<string, string>;

async function outbox(): Promise<Entry[]> {
  const entries = await fixture.redis.xrange(keys.webhookOutbox(), '-', '+');
  return entries.map(([, fields]) =>
    Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : []))),
  );
}

async function create(options: NewJobOptions = {}): Promise<NewJob> {
  const job = newJob({ hooks: [OWN, ALL], ...options });
  await fixture.store.create(job);
  return job;
}

/** Every way in which a job can end, each by the verb that a process uses. */
const ways: [string, TerminalState, NewJobOptions, (job: NewJob) => Promise<unknown>][] = [
  ...TERMINAL_STATES.map((state): (typeof ways)[number] => [
    `a run commits ${state}`,
    state,
    {},
    async (job) => {
      await fixture.begin(runOf(job, 'r1'));
      return fixture.attempts.finish(runOf(job, 'r1'), outcomeOf(state));
    },
  ]),
  ['cancelled while queued', 'cancelled', {}, (job) => fixture.store.cancel(job.id)],
  [
    'cancelled while it ran, and its run gave up',
    'cancelled',
    {},
    async (job) => {
      await fixture.begin(runOf(job, 'r1'));
      await fixture.store.cancel(job.id);
      return fixture.attempts.finish(runOf(job, 'r1'), outcomeOf('cancelled'));
    },
  ],
  ['past its deadline, seen by the reconciler', 'expired', { deadline: 1 }, (job) => fixture.unfinished.look(job.id)],
  ['past its deadline, seen by a worker', 'expired', { deadline: 1 }, (job) => fixture.begin(runOf(job, 'r1'))],
  ['its API process is gone', 'cancelled', { owner: 'api-gone' }, (job) => fixture.unfinished.look(job.id)],
  [
    'its worker was lost while it streamed',
    'failed',
    { syncStream: true, reader: 'api-1' },
    async (job) => {
      await fixture.begin(runOf(job, 'r1'));
      await fixture.attempts.emit(runOf(job, 'r1'), delta(1, 'x'));
      return fixture.begin(runOf(job, 'r2'));
    },
  ],
  [
    'its runs crashed too often',
    'failed',
    {},
    async (job) => {
      for (let run = 0; run <= MAX_CRASHES; run += 1) await fixture.begin(runOf(job, `r${run}`));
    },
  ],
  [
    'its worker could not begin it, too often',
    'failed',
    {},
    async (job) => {
      for (let n = 1; n <= MAX_CRASHES; n += 1) await fixture.unfinished.requeue(payloadOf(job, n), 'failed');
    },
  ],
];

describe('the outbox has an entry for each target exactly when the job has ended, and once', () => {
  it.each(ways)('%s', async (_way, state, options, end) => {
    const job = await create(options);
    expect(await outbox()).toEqual([]);
    await end(job);
    const record = await fixture.store.read(job.id);
    expect(record?.state).toBe(state);
    const entry = { job: job.id, project: 'default', state, at: String(record?.finishedAt) };
    const expected = [
      { ...entry, endpoint: '', url: OWN.url },
      { ...entry, endpoint: 'all', url: '' },
    ];
    expect(await outbox()).toEqual(expected);

    // Whatever comes late changes nothing.
    await fixture.store.cancel(job.id);
    await fixture.unfinished.look(job.id);
    await fixture.begin(runOf(job, 'late'));
    await fixture.attempts.finish(runOf(job, 'r1'), outcomeOf('completed'));
    await fixture.unfinished.requeue(payloadOf(job, 1), 'lost');
    expect(await outbox()).toEqual(expected);
  });
});

it.each(TERMINAL_STATES)('only targets that want to hear of %s have an entry', async (state) => {
  const job = await create({ hooks: TERMINAL_STATES.map(only) });
  await fixture.begin(runOf(job, 'r1'));
  await fixture.attempts.finish(runOf(job, 'r1'), outcomeOf(state));
  expect((await outbox()).map(({ endpoint }) => endpoint)).toEqual([`on-${state}`]);
});

it('fifty that want to end a job at once leave one entry for each target', async () => {
  const job = await create();
  await fixture.begin(runOf(job, 'r1'));
  const states = Array.from({ length: 50 }, (_, i) => TERMINAL_STATES[i % 4] ?? 'failed');
  await Promise.all(states.map((state) => fixture.attempts.finish(runOf(job, 'r1'), outcomeOf(state))));
  expect((await outbox()).map(({ endpoint }) => endpoint)).toEqual(['', 'all']);
});

it('a job without targets has neither a field nor an entry for them', async () => {
  const job = await create({ hooks: [] });
  expect(await fixture.redis.hexists(keys.job(job.id), 'hooks')).toBe(0);
  await fixture.store.cancel(job.id);
  expect(await fixture.redis.exists(keys.webhookOutbox())).toBe(0);
});

it('a synchronous job that nobody comes back to is kept for as long as its webhooks may take', async () => {
  const job = unkept({ hooks: [ALL], retainMs: 86_400_000 });
  await fixture.store.create(job);
  await fixture.store.cancel(job.id);
  for (const key of [keys.job(job.id), keys.call(answerCallId(job.id))]) {
    expect(await fixture.redis.pttl(key)).toBeGreaterThan(86_000_000);
  }
});
