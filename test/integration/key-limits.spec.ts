import { beforeEach, describe, expect, it } from '@jest/globals';
import type { KeyLevel } from '#contracts/key-limits.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import type { CreateOutcome } from '#jobs/create-job.js';
import { JobStore } from '#jobs/job-store.js';
import { keyCharges } from '#limits/key-limits.js';
import { keys } from '#platform/keys.js';
import { hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { payloadOf } from './support/worker-rig.js';

const fixture = new RedisFixture();
const LEVELS = keys.keyLevels('default', 'ci');
const JOBS = keys.keyJobs('default', 'ci');
/** So slow that nothing is refilled while a test runs. */
const SLOW: Limits = { rpd: 5 };

const charged = (limits: Limits, tokens = 0, outputTokens = 0): Pick<NewJobOptions, 'charges'> => ({
  charges: keyCharges(limits, { inputTokens: tokens, outputTokens }),
});

const create = (limits: Limits, tokens = 0, outputTokens = 0): Promise<CreateOutcome> =>
  fixture.store.create(newJob(charged(limits, tokens, outputTokens)));

/** How much of each rule is left, by what a job was answered. */
function left(outcome: CreateOutcome): Record<string, number> {
  const levels: KeyLevel[] = 'levels' in outcome ? outcome.levels : [];
  return Object.fromEntries(levels.map(({ rule, remaining }) => [rule, remaining]));
}

/** Makes it so that a bucket was last touched so long ago. */
async function age(rule: string, ms: number): Promise<void> {
  const [used, at] = ((await fixture.redis.hget(LEVELS, rule)) ?? '').split(' ');
  await fixture.redis.hset(LEVELS, rule, `${used} ${Number(at) - ms}`);
}

describe('a bucket of a key', () => {
  it('is full at first: all of the limit may be taken at once, and not one more', async () => {
    for (let i = 1; i <= 5; i++) {
      const outcome = await create(SLOW);
      expect(outcome.kind).toBe('created');
      expect(left(outcome)).toEqual({ rpd: 5 - i });
    }
    const refused = await create(SLOW);
    expect(refused).toMatchObject({
      kind: 'limited',
      refusal: { charge: { rule: 'rpd', limit: 5, windowMs: 86_400_000 } },
    });
    // A fifth of a day, less the moments since the first.
    const { waitMs } = (refused as Extract<CreateOutcome, { kind: 'limited' }>).refusal;
    expect(waitMs).toBeLessThanOrEqual(86_400_000 / 5);
    expect(waitMs).toBeGreaterThan(86_400_000 / 5 - 20_000);
  });

  it.each([1, 2, 3])('gives two API processes with fifty takers exactly the limit (round %i)', async () => {
    const stores = [new JobStore(fixture.connect()), new JobStore(fixture.connect())];
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (stores[i % 2] ?? fixture.store).create(newJob(charged({ rpd: 20, tpd: 1_000_000 }, 7))),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.kind === 'created')).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome.kind === 'limited')).toHaveLength(30);
    expect(await fixture.redis.zcard(keys.unfinished())).toBe(20);
    expect(
      await fixture.store.keyLevels(
        { project: 'default', key: 'ci' },
        keyCharges({ tpd: 1_000_000 }, { inputTokens: 0, outputTokens: 0 }),
      ),
    ).toEqual([expect.objectContaining({ rule: 'tpd', remaining: 1_000_000 - 20 * 7 })]);
  });

  it('is refilled evenly, and never beyond the limit', async () => {
    const limits = { rpm: 6 };
    for (let i = 0; i < 5; i++) await create(limits);
    await age('rpm', 20_000);
    // One was left, two came back, one is taken; what trickles in meanwhile is less than one.
    expect(left(await create(limits)).rpm).toBe(2);
    await age('rpm', 3_600_000);
    expect(left(await create(limits)).rpm).toBe(5);
  });

  it('is free again exactly when a refusal said', async () => {
    for (let i = 0; i < 5; i++) await create(SLOW);
    const refused = await create(SLOW);
    if (refused.kind !== 'limited') throw new Error(refused.kind);
    // The ten seconds are for the test itself.
    await age('rpd', refused.refusal.waitMs - 10_000);
    expect((await create(SLOW)).kind).toBe('limited');
    await age('rpd', 10_000);
    expect(left(await create(SLOW)).rpd).toBe(0);
  });

  it('counts all rules or none: what one refuses is charged to none', async () => {
    const limits = { rpd: 100, tpd: 1_000, itpm: 100_000 };
    expect(left(await create(limits, 900))).toMatchObject({ rpd: 99, tpd: 100, itpm: 99_100 });
    const before = await fixture.snapshot();
    const refused = await create(limits, 101);
    expect(refused).toMatchObject({ kind: 'limited', refusal: { charge: { rule: 'tpd', cost: 101 } } });
    expect(await fixture.snapshot()).toEqual(before);
    // A smaller one still fits.
    expect(left(await create(limits, 100))).toMatchObject({ rpd: 98, tpd: 0 });
  });

  it('names the rule that has to be waited for longest', async () => {
    const limits = { rpm: 1, rpd: 1 };
    await create(limits);
    expect(await create(limits)).toMatchObject({ refusal: { charge: { rule: 'rpd' } } });
  });

  it('counts input and output apart, and together', async () => {
    expect(left(await create({ tpd: 1_000, itpm: 100_000, otpm: 90_000 }, 30, 12))).toEqual({
      tpd: 958,
      itpm: 99_970,
      otpm: 89_988,
    });
  });

  it('is not kept longer than until it is full', async () => {
    await create({ rpm: 60 });
    const ttl = await fixture.redis.pttl(LEVELS);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(1_000);
  });

  it('that was lowered is used up at the most', async () => {
    for (let i = 0; i < 10; i++) await create({ rpm: 100 });
    const refused = await create({ rpm: 2 });
    expect(refused).toMatchObject({ kind: 'limited', refusal: { charge: { limit: 2 } } });
    expect((refused as Extract<CreateOutcome, { kind: 'limited' }>).refusal.waitMs).toBeLessThanOrEqual(30_000);
  });

  it('belongs to one key of one project', async () => {
    for (let i = 0; i < 5; i++) await create(SLOW);
    for (const other of [{ key: 'other' }, { project: 'other' }]) {
      expect((await fixture.store.create(newJob({ ...charged(SLOW), ...other }))).kind).toBe('created');
    }
    expect((await create(SLOW)).kind).toBe('limited');
  });

  it('does not exist for a key without limits', async () => {
    expect(await create({})).toEqual({ kind: 'created', turn: expect.any(Number), levels: [] });
    expect(await fixture.redis.exists(LEVELS, JOBS)).toBe(0);
  });
});

describe('an idempotency key', () => {
  const idempotency = { key: keys.idempotency('default', 'jobs', 'aa'), fingerprint: 'ff' };

  it('that was used charges nothing, also when the limit is used up', async () => {
    const limits = { rpd: 1 };
    const first = newJob({ ...charged(limits), idempotency });
    expect((await fixture.store.create(first)).kind).toBe('created');
    const before = await fixture.snapshot();
    expect(await fixture.store.create(newJob({ ...charged(limits), idempotency }))).toMatchObject({
      kind: 'replayed',
      jobId: first.id,
      levels: [{ rule: 'rpd', remaining: 0 }],
    });
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('of a refused job is still new', async () => {
    const limits = { rpd: 1 };
    await create(limits);
    expect((await fixture.store.create(newJob({ ...charged(limits), idempotency }))).kind).toBe('limited');
    await age('rpd', 86_400_000);
    expect((await fixture.store.create(newJob({ ...charged(limits), idempotency }))).kind).toBe('created');
  });
});

describe('unfinished jobs of a key', () => {
  const limits = { concurrency: 2 };
  const make = async (options: NewJobOptions = {}) => {
    const job = newJob({ ...charged(limits), ...options });
    const outcome = await fixture.store.create(job);
    return { job, kind: outcome.kind, left: left(outcome).concurrency };
  };

  beforeEach(async () => {
    expect(await make()).toMatchObject({ kind: 'created', left: 1 });
  });

  it('are never more than the limit, whoever asks', async () => {
    const stores = [new JobStore(fixture.connect()), new JobStore(fixture.connect())];
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (stores[i % 2] ?? fixture.store).create(newJob(charged(limits)))),
    );
    expect(outcomes.filter((outcome) => outcome.kind === 'created')).toHaveLength(1);
    expect(await fixture.redis.scard(JOBS)).toBe(2);
    expect(outcomes.find((outcome) => outcome.kind === 'limited')).toMatchObject({
      refusal: { charge: { rule: 'concurrency', limit: 2 }, waitMs: 1_000 },
    });
  });

  const ENDS: [string, NewJobOptions, (job: ReturnType<typeof newJob>) => Promise<unknown>][] = [
    ...(['completed', 'failed', 'cancelled', 'expired'] as const).map((state): (typeof ENDS)[number] => [
      `its run ends as ${state}`,
      {},
      async (job) => {
        await fixture.begin(runOf(job, 'a'));
        await fixture.attempts.finish(runOf(job, 'a'), outcomeOf(state));
      },
    ]),
    ['it is cancelled while it waits', {}, (job) => fixture.store.cancel(job.id)],
    [
      'it is cancelled between two attempts',
      {},
      async (job) => {
        await fixture.begin(runOf(job, 'a'));
        await fixture.store.cancel(job.id);
        await fixture.attempts.advance(runOf(job, 'a'), hop(1));
      },
    ],
    ['its deadline passes while it waits', { deadline: Date.now() - 1 }, (job) => fixture.unfinished.look(job.id)],
    [
      'its deadline has passed when a worker takes it',
      { deadline: Date.now() - 1 },
      (job) => fixture.begin(runOf(job, 'a')),
    ],
    ['its API process is gone', unkept(), (job) => fixture.unfinished.look(job.id)],
    [
      'its workers crash again and again',
      {},
      async (job) => {
        for (let i = 0; i < 6; i++) await fixture.begin(runOf(job, `run-${i}`));
      },
    ],
    [
      'its worker dies in the middle of a stream',
      { syncStream: true, reader: 'api-1' },
      async (job) => {
        await fixture.begin(runOf(job, 'a'));
        await fixture.redis.hset(keys.call(`${job.id}-answer`), 'streamed', '3');
        await fixture.unfinished.requeue(payloadOf(job, 1), 'lost');
      },
    ],
  ];

  it.each(ENDS)('are one less when %s', async (_how, options, end) => {
    const { id: _id, charges: _charges, ...rest } = newJob(options);
    const { job, kind } = await make(rest);
    expect(kind).toBe('created');
    expect((await make()).kind).toBe('limited');
    await end(job);
    expect(await fixture.redis.sismember(JOBS, job.id)).toBe(0);
    expect((await make()).kind).toBe('created');
  });

  it('still count while they are retried, moved or given back', async () => {
    const { job } = await make();
    await fixture.begin(runOf(job, 'a'));
    await fixture.attempts.advance(runOf(job, 'a'), hop(1));
    expect(await fixture.unfinished.requeue(payloadOf(job, 2), 'lost')).toBe(3);
    expect(await fixture.unfinished.move(payloadOf(job, 3), 0)).toBe(4);
    expect((await make()).kind).toBe('limited');
  });
});
