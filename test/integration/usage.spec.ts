import { describe, expect, it } from '@jest/globals';
import type { AttemptEntry } from '#history/attempt-row.js';
import { HistoryWriter } from '#history/history-writer.js';
import { UsageReport, type UsageSum } from '#history/usage-report.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { HistoryFixture } from './support/history-fixture.js';
import { RedisFixture } from './support/redis-fixture.js';
import { seededRandom } from './support/seeded-random.js';

const DAY_MS = 24 * 3_600_000;
const FIRST = Date.parse('2026-02-27T00:00:00Z');
const ALL = { from: '2026-02-27', to: '2026-03-03' };

/** Some hundred attempts over five days, drawn from a seed. */
function attempts(count: number, seed: number): AttemptEntry[] {
  const random = seededRandom(seed);
  const draw = <T>(values: readonly T[]): T => values[random(values.length)] as T;
  return Array.from({ length: count }, (_, n) => {
    const inputTokens = random(1_000_000);
    return {
      job: `job_${n}`,
      project: draw(['default', 'other']),
      key: draw(['ci', 'app']),
      // The first and the last millisecond of a day among them.
      at: FIRST + draw([0, 1, 2, 3, 4]) * DAY_MS + draw([0, 1, DAY_MS / 2, DAY_MS - 1]),
      late: random(10) === 0,
      ended: null,
      attempt: {
        ...{ id: `job_${n}-answer.1`, model: draw(['small', 'large']), provider: draw(['acme', 'bolt']) },
        ...{
          state: draw(['completed', 'failed']),
          errorClass: null,
          waitedMs: 1.5,
          ttftMs: null,
          durationMs: random(50_000),
        },
        ...{ usageEstimated: false, costNano: random(4_000_000_000) },
        usage: {
          ...{ inputTokens, outputTokens: random(9_000), cachedInputTokens: random(800) },
          ...{ cacheWriteInputTokens: random(70), reasoningTokens: random(6_000) },
        },
      },
    };
  });
}

const wasted = ({ late, attempt }: AttemptEntry): boolean => late || attempt.state !== 'completed';
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const total = (entries: AttemptEntry[], of: (entry: AttemptEntry) => number): number =>
  entries.reduce((sum, entry) => sum + of(entry), 0);

describe.each(DATABASE_KINDS)('usage over %s', (kind) => {
  const history = new HistoryFixture(new RedisFixture(), kind);

  it.each<['key' | 'model' | 'provider' | 'day' | 'project', (entry: AttemptEntry) => string]>([
    ['key', ({ project, key }) => JSON.stringify({ project, key })],
    ['model', ({ attempt }) => JSON.stringify({ model: attempt.model })],
    ['provider', ({ attempt }) => JSON.stringify({ provider: attempt.provider })],
    ['day', ({ at }) => JSON.stringify({ day: dayOf(at) })],
    ['project', ({ project }) => JSON.stringify({ project })],
  ])('by %s is what the attempts add up to, to the nano-dollar', async (by, groupOf) => {
    const entries = attempts(400, 7);
    const writer = new HistoryWriter(history.db);
    for (let i = 0; i < entries.length; i += 90) await writer.addAttempts(entries.slice(i, i + 90));
    await writer.addAttempts(entries.slice(40, 120));
    const sums = await new UsageReport(history.db).sums(by, ALL);
    const expected = new Map<string, AttemptEntry[]>();
    for (const entry of entries) expected.set(groupOf(entry), [...(expected.get(groupOf(entry)) ?? []), entry]);
    const found = Object.fromEntries(sums.map((sum) => [JSON.stringify(sum.group), figuresOf(sum)]));
    expect(found).toStrictEqual(
      Object.fromEntries(
        [...expected].map(([group, own]) => [
          group,
          {
            attempts: own.length,
            wasted: own.filter(wasted).length,
            cost: total(own, ({ attempt }) => attempt.costNano),
            wastedCost: total(own.filter(wasted), ({ attempt }) => attempt.costNano),
            input: total(own, ({ attempt }) => attempt.usage?.inputTokens ?? NaN),
            output: total(own, ({ attempt }) => attempt.usage?.outputTokens ?? NaN),
            cached: total(own, ({ attempt }) => attempt.usage?.cachedInputTokens ?? NaN),
            written: total(own, ({ attempt }) => attempt.usage?.cacheWriteInputTokens ?? NaN),
            reasoning: total(own, ({ attempt }) => attempt.usage?.reasoningTokens ?? NaN),
            duration: total(own, ({ attempt }) => attempt.durationMs),
          },
        ]),
      ),
    );
    expect(sums.map(({ group }) => JSON.stringify(group))).toStrictEqual([...expected.keys()].toSorted());
  });

  it('is told also beyond what a number holds exactly', async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const [first, second] = attempts(2, 5).map((entry) => ({ ...entry, key: 'ci', project: 'default' }));
    if (!first || !second) throw new Error('there are two');
    const dear = [first, second].map((entry) => ({ ...entry, attempt: { ...entry.attempt, costNano: most } }));
    await new HistoryWriter(history.db).addAttempts(dear);
    const [sum, ...others] = await new UsageReport(history.db).sums('key', ALL);
    expect(others).toHaveLength(0);
    expect(sum?.costNano).toBe(2 * most);
  });

  it('of a period has its days alone', async () => {
    const entries = attempts(100, 3);
    await new HistoryWriter(history.db).addAttempts(entries);
    const sums = await new UsageReport(history.db).sums('day', { from: '2026-02-28', to: '2026-03-01' });
    expect(sums.map(({ group }) => group.day)).toStrictEqual(['2026-02-28', '2026-03-01']);
  });
});

function figuresOf(sum: UsageSum): object {
  return {
    ...{ attempts: sum.attempts, wasted: sum.wastedAttempts, cost: sum.costNano, wastedCost: sum.wastedCostNano },
    ...{ input: sum.inputTokens, output: sum.outputTokens, cached: sum.cachedInputTokens },
    ...{ written: sum.cacheWriteInputTokens, reasoning: sum.reasoningTokens, duration: sum.durationMs },
  };
}
