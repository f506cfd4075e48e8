import { describe, expect, it } from '@jest/globals';
import { BudgetSchedule } from './support/budget-schedule.js';
import { fourRules } from './support/budgets.js';
import { RedisFixture } from './support/redis-fixture.js';
import { seededRandom, testSeed } from './support/seeded-random.js';

const fixture = new RedisFixture();
const LIMIT = 150_000;
const RULES = fourRules(LIMIT);
const SEED = testSeed();
const EVENTS = 160;

const schedule = (seed: number): BudgetSchedule => new BudgetSchedule(fixture, RULES, seededRandom(seed));

describe('whatever happens to jobs, one thing after the other', () => {
  it.each(Array.from({ length: 8 }, (_, i) => SEED + i))(
    'what is reserved is what they hold, what is spent is what is recorded, and only what fits is made (seed %i)',
    async (seed) => {
      const happening = schedule(seed);
      for (let i = 0; i < EVENTS; i++) {
        const before = await happening.standing();
        const { created } = happening.asked;
        await happening.happen();
        const after = await happening.standing();
        const { unfinished: _unfinished, ...recorded } = await happening.records();
        expect(after).toEqual(recorded);
        if (happening.asked.created > created) expect(after.reserved + after.spent).toBeLessThanOrEqual(LIMIT);
        // Only a cost that was not foreseen goes beyond the limit; a reservation never does.
        if (after.reserved > before.reserved) expect(after.reserved + after.spent).toBeLessThanOrEqual(LIMIT);
      }
      await happening.endAll();
      expect(await happening.records()).toMatchObject({ reserved: 0, unfinished: 0 });
      expect(await happening.standing()).toEqual({ reserved: 0, spent: (await happening.records()).spent });
    },
  );
});

describe('whatever happens to jobs at once', () => {
  it.each(Array.from({ length: 4 }, (_, i) => SEED + 100 + i))(
    'nothing stays reserved, and what is spent is what is recorded (seed %i)',
    async (seed) => {
      const happening = schedule(seed);
      for (let i = 0; i < EVENTS / 8; i++) {
        await Promise.all(Array.from({ length: 8 }, () => happening.happen()));
        const { unfinished: _unfinished, ...recorded } = await happening.records();
        expect(await happening.standing()).toEqual(recorded);
      }
      await happening.endAll();
      expect(await happening.standing()).toEqual({ reserved: 0, spent: (await happening.records()).spent });
      expect(happening.asked.created).toBeGreaterThan(0);
    },
  );
});

it('the schedules try what they are for: jobs are made and refused', async () => {
  const happening = schedule(7);
  for (let i = 0; i < 2 * EVENTS; i++) await happening.happen();
  expect(happening.asked.created).toBeGreaterThan(10);
  expect(happening.asked.refused).toBeGreaterThan(10);
});
