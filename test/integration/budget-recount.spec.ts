import { expect, it } from '@jest/globals';
import { budgetRules, type BudgetOwner } from '#contracts/budgets.js';
import type { AttemptEntry } from '#history/attempt-row.js';
import { HistoryWriter } from '#history/history-writer.js';
import { UsageReport } from '#history/usage-report.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import { keys } from '#platform/keys.js';
import { recountBudgets } from '../../apps/api/src/admin/recount-budgets.js';
import { HistoryFixture } from './support/history-fixture.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
const history = new HistoryFixture(fixture, 'pglite');
/** In this month: what Redis counts of a month it forgets a week after it. */
const MONTH = new Date().toISOString().slice(0, 7);
const NOW = Date.parse(`${MONTH}-22T12:00:00Z`);
const LAST_MONTHS_END = new Date(Date.parse(`${MONTH}-01T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
const LIMITS = { day: 10_000, month: 20_000 };
const PROJECT: BudgetOwner = { project: 'default', key: null, rules: budgetRules({ key: {}, project: LIMITS }) };
const KEY: BudgetOwner = { project: 'default', key: 'ci', rules: budgetRules({ key: LIMITS, project: {} }) };

let written = 0;
const entry = (day: string, key: string, costNano: number, project = 'default'): AttemptEntry => ({
  ...{ job: `job_${++written}`, project, key, at: Date.parse(`${day}T06:00:00Z`), late: false, ended: null },
  attempt: {
    ...{ id: `job_${written}-answer.1`, model: 'small', provider: 'acme', state: 'completed', errorClass: null },
    ...{ waitedMs: 1, ttftMs: null, durationMs: 2, usageEstimated: false, costNano, usage: null },
  },
});

const ENTRIES: AttemptEntry[] = [
  entry(`${MONTH}-22`, 'ci', 1_000),
  entry(`${MONTH}-22`, 'other', 200),
  entry(`${MONTH}-21`, 'ci', 30),
  entry(`${MONTH}-01`, 'other', 4),
  // In no window, and of another project.
  entry(LAST_MONTHS_END, 'ci', 5_000),
  entry(`${MONTH}-22`, 'ci', 5_000, 'another'),
];

async function recounted(): Promise<{ project: number[]; key: number[] }> {
  const levels = new BudgetLevels(fixture.redis);
  await recountBudgets([PROJECT, KEY], { levels, report: new UsageReport(history.db) }, NOW);
  const spent = async (owner: BudgetOwner): Promise<number[]> =>
    (await levels.read(owner, NOW)).map(({ spentNano }) => spentNano);
  return { project: await spent(PROJECT), key: await spent(KEY) };
}

it('what Redis has lost is spent again as it is on record, and refuses what has no room beside it', async () => {
  await new HistoryWriter(history.db).addAttempts(ENTRIES);
  const expected = { project: [1_200, 1_234], key: [1_000, 1_030] };
  expect(await recounted()).toEqual(expected);
  const at = { createdAt: NOW, deadline: NOW + 60_000 };
  const rules = [...KEY.rules, ...PROJECT.rules];
  const reserve = (reserveNano: number) => fixture.store.create(newJob({ ...at, budget: { rules, reserveNano } }));
  expect((await reserve(8_801)).kind).toBe('over_budget');
  expect((await reserve(8_800)).kind).toBe('created');
  // What is reserved stays, and again is no more than once.
  expect(await recounted()).toEqual(expected);
  expect((await reserve(1)).kind).toBe('over_budget');
  const kept = Number(await fixture.redis.call('PEXPIRETIME', keys.budgetLevels('default', MONTH)));
  const [year, month] = MONTH.split('-').map(Number);
  // The eighth of the next month.
  expect(kept).toBe(Date.UTC(year ?? 0, month ?? 0, 8));
});

it('asks once for all keys of a project, however many they are', async () => {
  const keyOwners = Array.from({ length: 2_500 }, (_, i): BudgetOwner => ({ ...KEY, key: `k${i}` }));
  await new HistoryWriter(history.db).addAttempts([entry(`${MONTH}-22`, 'k2499', 77)]);
  const levels = new BudgetLevels(fixture.redis);
  const calls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await fixture.redis.info('commandstats'))?.[1] ?? 0);
  const before = await calls();
  await recountBudgets(keyOwners, { levels, report: new UsageReport(history.db) }, NOW);
  // 5,000 rules, a thousand in a step.
  expect((await calls()) - before).toBeLessThanOrEqual(6);
  const [day] = await levels.read({ ...KEY, key: 'k2499' }, NOW);
  expect(day?.spentNano).toBe(77);
});

it('what an administrator sets is spent, more or less than there was, and what is reserved stays', async () => {
  const levels = new BudgetLevels(fixture.redis);
  await fixture.redis.hset(keys.budgetLevels('default', MONTH), `key/ci/${MONTH}-22`, '7 9000 10000');
  const [rule] = KEY.rules;
  if (!rule) throw new Error('the key has no rule');
  for (const spentNano of [100, 9_500]) {
    await levels.setSpent('default', { key: 'ci', rule, spentNano }, NOW);
    expect((await levels.read(KEY, NOW))[0]).toMatchObject({ reservedNano: 7, spentNano });
  }
});

it('what Redis knows beyond the record stays spent', async () => {
  await new HistoryWriter(history.db).addAttempts(ENTRIES);
  await fixture.redis.hset(keys.budgetLevels('default', MONTH), `key/ci/${MONTH}-22`, '7 9000 10000');
  expect(await recounted()).toEqual({ project: [1_200, 1_234], key: [9_000, 1_030] });
});
