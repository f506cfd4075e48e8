import { describe, expect, it } from '@jest/globals';
import { budgetPeriod, budgetRules, type BudgetOwner } from '#contracts/budgets.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import type { CreateOutcome } from '#jobs/create-job.js';
import { JobStore } from '#jobs/job-store.js';
import type { NewJob } from '#jobs/job-record.js';
import { keyCharges } from '#limits/key-limits.js';
import { keys } from '#platform/keys.js';
import { COST, fourRules, levels, reserving, spent, standing } from './support/budgets.js';
import { hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { makeDue, pass, payloadOf, read } from './support/worker-rig.js';

const fixture = new RedisFixture();
const RESERVE = 10_000;
const RULES = fourRules(25_000);

const create = (options: NewJobOptions = {}): Promise<CreateOutcome> =>
  fixture.store.create(newJob({ ...reserving(RESERVE, RULES), ...options }));

async function made(options: NewJobOptions = {}): Promise<NewJob> {
  const job = newJob({ ...reserving(RESERVE, RULES), ...options });
  expect((await fixture.store.create(job)).kind).toBe('created');
  return job;
}

describe('a job that is made', () => {
  it('reserves of every rule, and is refused without a trace when one has no room', async () => {
    await made();
    await made();
    expect(await standing(fixture, RULES)).toEqual({ reserved: 2 * RESERVE, spent: 0 });
    const before = await fixture.snapshot();
    const charges = keyCharges({ rpd: 5, concurrency: 1 }, { inputTokens: 1, outputTokens: 1 });
    const refused = await create({ idempotency: { key: 'once', fingerprint: 'f' }, charges });
    expect(refused).toMatchObject({
      kind: 'over_budget',
      budgets: RULES.map((rule) => ({ ...rule, reservedNano: 2 * RESERVE, spentNano: 0 })),
      levels: [{ rule: 'rpd', remaining: 5 }, { rule: 'concurrency' }],
    });
    expect(await fixture.snapshot()).toEqual(before);
    // What is left is given to the nano-dollar.
    expect((await create(reserving(5_001, RULES))).kind).toBe('over_budget');
    expect((await create(reserving(5_000, RULES))).kind).toBe('created');
    expect((await create(reserving(1, RULES))).kind).toBe('over_budget');
    expect((await create(reserving(0, RULES))).kind).toBe('created');
  });

  it.each(['key/day', 'key/month', 'project/day', 'project/month'])('is refused by %s alone', async (rule) => {
    const rules = fourRules(1_000_000, { [rule]: RESERVE });
    expect((await create(reserving(RESERVE, rules))).kind).toBe('created');
    expect((await create(reserving(RESERVE, rules))).kind).toBe('over_budget');
  });

  it('counts in its project whatever its key, and in its key alone otherwise', async () => {
    await made();
    await made({ key: 'other', ...reserving(7_000, RULES) });
    const [keyDay, , projectDay] = await levels(fixture, RULES);
    expect([keyDay?.reservedNano, projectDay?.reservedNano]).toEqual([RESERVE, RESERVE + 7_000]);
    expect((await levels(fixture, RULES, 'other'))[0]?.reservedNano).toBe(7_000);
    expect((await create({ key: 'other' })).kind).toBe('over_budget');
    expect((await create({ project: 'another' })).kind).toBe('created');
  });

  it('again with its idempotency key reserves nothing, even when nothing is left', async () => {
    const idempotency = { key: 'once', fingerprint: 'f' };
    const job = await made({ idempotency, ...reserving(25_000, RULES) });
    expect(await create({ idempotency })).toMatchObject({ kind: 'replayed', jobId: job.id });
    expect(await standing(fixture, RULES)).toEqual({ reserved: 25_000, spent: 0 });
  });

  it('without budgets writes nothing of them', async () => {
    await made({ budget: null });
    expect(await fixture.redis.keys('*budgets*')).toEqual([]);
    expect(await fixture.redis.hkeys(keys.job((await made({ budget: null })).id))).not.toContain('reserved');
  });

  it('counts with limits, an idempotency key and a history at once', async () => {
    const charges = keyCharges({ rpd: 5, concurrency: 1 }, { inputTokens: 1, outputTokens: 1 });
    const job = await made({ charges, historyBytes: 1_000_000, idempotency: { key: 'once', fingerprint: 'f' } });
    expect(await standing(fixture, RULES)).toEqual({ reserved: RESERVE, spent: 0 });
    await fixture.store.cancel(job.id);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: 0 });
    expect(await fixture.redis.xlen(keys.ledger())).toBe(1);
  });

  it('is held to the newest limit of its budget', async () => {
    await made(reserving(25_000, RULES));
    expect((await create(reserving(RESERVE, fourRules(35_000)))).kind).toBe('created');
    expect((await create(reserving(1, fourRules(20_000)))).kind).toBe('over_budget');
  });
});

describe('of a budget of 300 jobs', () => {
  it.each([1, 2, 3])('exactly 300 of 1,000 at once are made, to the nano-dollar (round %i)', async () => {
    const each = 1_234_567;
    const rules = fourRules(300 * each, { 'key/day': 200 * each, 'key/month': 1_000 * each });
    const stores = Array.from({ length: 4 }, () => new JobStore(fixture.connect()));
    const outcomes = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        (stores[i % 4] ?? fixture.store).create(newJob({ key: i % 3 === 0 ? 'a' : 'b', ...reserving(each, rules) })),
      ),
    );
    expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(300);
    expect(outcomes.filter(({ kind }) => kind === 'over_budget')).toHaveLength(700);
    expect(await fixture.redis.zcard(keys.unfinished())).toBe(300);
    const [a, b] = [await levels(fixture, rules, 'a'), await levels(fixture, rules, 'b')];
    expect(a[2]?.reservedNano).toBe(300 * each);
    expect((a[0]?.reservedNano ?? NaN) + (b[0]?.reservedNano ?? NaN)).toBe(300 * each);
    for (const level of [...a, ...b]) expect(level.reservedNano).toBeLessThanOrEqual(level.limitNano);
    expect((await create({ key: 'a', ...reserving(1, rules) })).kind).toBe('over_budget');
  });
});

type End = (job: NewJob) => Promise<unknown>;

const begun: End = (job) => fixture.begin(runOf(job, 'a'));
const crashing: End = async (job) => {
  for (let i = 0; i < 6; i++) await fixture.begin(runOf(job, `run-${i}`));
};

/** How a job may end, what it may be besides, and what it has spent by then. */
const ENDS: [string, NewJobOptions, End, number][] = [
  ...(['completed', 'failed', 'cancelled', 'expired'] as const).map((state): (typeof ENDS)[number] => [
    `its run ends as ${state}`,
    {},
    async (job) => {
      await begun(job);
      await fixture.attempts.finish(runOf(job, 'a'), outcomeOf(state));
    },
    COST,
  ]),
  [
    'it costs more than was reserved',
    reserving(100, RULES),
    async (job) => {
      await begun(job);
      await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    },
    COST,
  ],
  [
    'its second attempt completes it',
    {},
    async (job) => {
      await begun(job);
      await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), record: spent(1, 500) });
      await fixture.attempts.begin(runOf(job, 'b', 2), { pool: 'bolt', turn: 1, start: true });
      await fixture.attempts.finish(runOf(job, 'b', 2), outcomeOf('completed', 2));
    },
    500 + COST,
  ],
  ['it is cancelled while it waits', {}, (job) => fixture.store.cancel(job.id), 0],
  [
    'it is cancelled between two attempts',
    {},
    async (job) => {
      await begun(job);
      await fixture.store.cancel(job.id);
      await fixture.attempts.advance(runOf(job, 'a'), hop(1));
    },
    COST,
  ],
  ['its deadline passes while it waits', { deadline: Date.now() - 1 }, (job) => fixture.unfinished.look(job.id), 0],
  ['its deadline has passed when a worker takes it', { deadline: Date.now() - 1 }, begun, 0],
  ['its API process is gone', unkept(), (job) => fixture.unfinished.look(job.id), 0],
  ['its workers crash again and again', {}, crashing, 0],
  [
    'its worker dies in the middle of a stream',
    { syncStream: true, reader: 'api-1' },
    async (job) => {
      await begun(job);
      await fixture.redis.hset(keys.call(`${job.id}-answer`), 'streamed', '3');
      await fixture.unfinished.requeue(payloadOf(job, 1), 'lost');
    },
    0,
  ],
  [
    'it was never enqueued, until the reconciler finds it',
    {},
    async (job) => {
      await makeDue(fixture, job);
      expect(await pass(fixture)).toMatchObject({ requeued: 1 });
      await fixture.attempts.begin(runOf(job, 'b', 2), { pool: 'acme', turn: 1, start: true });
      await fixture.attempts.finish(runOf(job, 'b', 2), outcomeOf('completed', 2));
    },
    COST,
  ],
  [
    'it is cancelled and erased',
    {},
    async (job) => {
      await fixture.store.cancel(job.id);
      expect(await fixture.store.delete(job.id, job.project)).toBe('deleted');
    },
    0,
  ],
];

describe('what a job has reserved', () => {
  it.each(ENDS)('is given back when %s', async (_how, options, end, cost) => {
    const { id: _id, budget: _budget, ...rest } = newJob(options);
    const job = await made({ ...rest, ...(options.budget && { budget: options.budget }) });
    const { reserved } = await standing(fixture, RULES);
    expect(reserved).toBe(job.budget?.reserveNano);
    await end(job);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: cost });
    const record = await fixture.store.read(job.id);
    expect(record?.costNano ?? 0).toBe(cost);
  });

  it('is given back once, whoever else comes', async () => {
    const other = await made();
    const job = await made();
    await begun(job);
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    const before = await fixture.snapshot();
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    await fixture.attempts.finish(runOf(job, 'stale'), outcomeOf('failed'));
    await fixture.attempts.advance(runOf(job, 'a'), hop(1));
    await fixture.store.cancel(job.id);
    expect(await fixture.snapshot()).toEqual(before);
    await fixture.store.cancel(other.id);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: COST });
  });

  it('is held while it is retried, moved or given back', async () => {
    const job = await made();
    await begun(job);
    await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), record: null });
    expect(await fixture.unfinished.requeue(payloadOf(job, 2), 'lost')).toBe(3);
    expect(await fixture.unfinished.move(payloadOf(job, 3), 0)).toBe(4);
    expect(await standing(fixture, RULES)).toEqual({ reserved: RESERVE, spent: 0 });
  });
});

describe('an attempt after one that has cost something', () => {
  it('is made where what was spent fits beside what is still reserved', async () => {
    const job = await made();
    await begun(job);
    const next = { ...hop(1), record: spent(1, 25_000 - RESERVE) };
    expect(await fixture.attempts.advance(runOf(job, 'a'), next)).toEqual({ kind: 'advanced', attempt: 2 });
    expect(await standing(fixture, RULES)).toEqual({ reserved: RESERVE, spent: 25_000 - RESERVE });
  });

  it.each([
    ['alone', 0],
    ['with what others hold', 10_000],
  ])('is refused a nano-dollar later, and the job ends with what it has spent (%s)', async (_with, others) => {
    if (others > 0) await made(reserving(others, RULES));
    const job = await made({ waiter: 'api-1' });
    await begun(job);
    const costNano = 25_000 - RESERVE - others + 1;
    const next = { ...hop(1), record: spent(1, costNano) };
    expect(await fixture.attempts.advance(runOf(job, 'a'), next)).toEqual({ kind: 'finished', state: 'failed' });
    expect(await read(fixture, job)).toMatchObject({ state: 'failed', costNano, error: { code: 'budget_exceeded' } });
    expect(await standing(fixture, RULES)).toEqual({ reserved: others, spent: costNano });
    expect(await fixture.redis.zscore(keys.unfinished(), job.id)).toBeNull();
  });

  it('that cost nothing is not asked, however the budget stands', async () => {
    const job = await made();
    const dear = await made();
    await fixture.begin(runOf(dear, 'a'));
    const outcome = outcomeOf('completed');
    await fixture.attempts.finish(runOf(dear, 'a'), { ...outcome, record: { ...outcome.record, costNano: 90_000 } });
    await begun(job);
    const reply = await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), record: spent(1, 0) });
    expect(reply).toEqual({ kind: 'advanced', attempt: 2 });
    expect((await create()).kind).toBe('over_budget');
  });

  it('of a job that is to be cancelled ends it as cancelled', async () => {
    const job = await made();
    await begun(job);
    await fixture.store.cancel(job.id);
    const reply = await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), record: spent(1, 90_000) });
    expect(reply).toEqual({ kind: 'finished', state: 'cancelled' });
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: 90_000 });
  });
});

describe('a budget that was changed while a job runs', () => {
  const owners = (day: number | undefined): BudgetOwner[] => {
    const budget = day === undefined ? {} : { day, month: day };
    return [
      { project: 'default', key: null, rules: budgetRules({ key: {}, project: budget }) },
      { project: 'default', key: 'ci', rules: budgetRules({ key: budget, project: {} }) },
    ];
  };
  const TOO_MUCH = { ...hop(1), record: spent(1, 25_000) };

  it.each<[string, number | undefined, string]>([
    ['removed bounds it no more', undefined, 'advanced'],
    ['raised bounds it as raised', 35_000, 'advanced'],
    ['raised by less than it needs ends it', 34_999, 'finished'],
  ])('%s', async (_how, day, kind) => {
    const job = await made();
    await begun(job);
    const changed = new BudgetLevels(fixture.redis);
    for (const owner of owners(day)) await changed.holdTo(owner, Date.now());
    expect((await fixture.attempts.advance(runOf(job, 'a'), TOO_MUCH)).kind).toBe(kind);
  });

  it('is held to for a job of the month before, too', async () => {
    const createdAt = budgetPeriod('month', Date.now()).startsAt - 1_000;
    const job = newJob({ createdAt, ...reserving(RESERVE, RULES) });
    await fixture.store.create(job);
    await begun(job);
    for (const owner of owners(undefined)) await new BudgetLevels(fixture.redis).holdTo(owner, Date.now());
    expect((await fixture.attempts.advance(runOf(job, 'a'), TOO_MUCH)).kind).toBe('advanced');
  });

  it('of one key leaves that of another and of its project as they were, and makes nothing up', async () => {
    await new BudgetLevels(fixture.redis).holdTo({ project: 'default', key: 'other', rules: [] }, Date.now());
    expect(await fixture.redis.keys('*budgets*')).toEqual([]);
    const job = await made();
    await begun(job);
    await new BudgetLevels(fixture.redis).holdTo({ project: 'default', key: 'ci', rules: [] }, Date.now());
    expect((await fixture.attempts.advance(runOf(job, 'a'), TOO_MUCH)).kind).toBe('finished');
  });
});

describe('a window', () => {
  const monthEnd = budgetPeriod('month', Date.now()).startsAt;
  const BOTH = budgetRules({ key: { day: 25_000, month: 45_000 }, project: {} });

  it('begins anew with the day, and keeps the month', async () => {
    const [yesterday, today] = [monthEnd + 43_200_000, monthEnd + 86_400_000];
    const at = (createdAt: number) => create({ createdAt, ...reserving(20_000, BOTH) });
    expect((await at(yesterday)).kind).toBe('created');
    expect(await at(yesterday)).toMatchObject({ kind: 'over_budget' });
    expect((await at(today)).kind).toBe('created');
    // 40,000 of 45,000 in the month.
    expect(await at(today + 86_400_000)).toMatchObject({ kind: 'over_budget' });
    const nextMonth = budgetPeriod('month', monthEnd).endsAt;
    expect((await at(nextMonth)).kind).toBe('created');
  });

  it('is the one in which the job was made, whenever it ends; and is forgotten when nothing can change in it', async () => {
    const createdAt = monthEnd - 1_000;
    const job = newJob({ createdAt, ...reserving(RESERVE, RULES) });
    await fixture.store.create(job);
    const [key = ''] = await fixture.redis.keys('*budgets*');
    expect(key).toBe(keys.budgetLevels('default', budgetPeriod('month', createdAt).name));
    expect(Number(await fixture.redis.call('PEXPIRETIME', key))).toBe(job.deadline + 7 * 86_400_000);
    await begun(job);
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    expect(Object.values(await fixture.redis.hgetall(key))).toEqual(RULES.map(() => `0 ${COST} 25000`));
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: 0 });
  });

  it('that has been forgotten is not brought back by the end of a job', async () => {
    const job = await made();
    await begun(job);
    await fixture.redis.del(...(await fixture.redis.keys('*budgets*')));
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    expect(await fixture.redis.keys('*budgets*')).toEqual([]);
    expect((await read(fixture, job)).costNano).toBe(COST);
  });
});
