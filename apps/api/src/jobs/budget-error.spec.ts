import { describe, expect, it } from '@jest/globals';
import type { BudgetLevel } from '#contracts/budgets.js';
import { errorResponse } from '../http/error-response.js';
import { overBudget } from './budget-error.js';

const USD = 1e9;
const createdAt = Date.parse('2026-11-22T18:30:00Z');

const level = (change: Partial<BudgetLevel> = {}): BudgetLevel => ({
  ...{ scope: 'key', window: 'day', limitNano: 2 * USD, reservedNano: 0.5 * USD, spentNano: 1.2 * USD },
  ...change,
});

const refused = (levels: BudgetLevel[], reserveNano = 0.4 * USD) =>
  overBudget({ project: 'shop', key: 'ci', createdAt, budget: { rules: levels, reserveNano } }, levels);

describe('a job for which a budget has no room', () => {
  it('is refused with what is left of it and when it resets', () => {
    expect(refused([level()]).message).toBe(
      'The job may cost 0.4 USD, and of the budget of the key ci for this day, 2 USD (rule key/day), 1.2 are spent and 0.5 reserved for unfinished jobs. It resets at 2026-11-23T00:00:00.000Z.',
    );
  });

  it('is told when it alone is more than the whole budget', () => {
    expect(refused([level({ scope: 'project', window: 'month' })], 3 * USD).message).toBe(
      'The job may cost 3 USD, which alone is more than the budget of the project shop for this month, 2 USD (rule project/month). A lower max_tokens or a cheaper model reserves less.',
    );
  });

  const roomy = level({ limitNano: 10 * USD });
  it.each([
    ['the only one without room', [roomy, level({ scope: 'project' })], 0.4, 'project/day'],
    ['the one that resets last', [level(), level({ window: 'month' })], 0.4, 'key/month'],
    ['one that no wait helps with', [level({ limitNano: 0.3 * USD }), level({ window: 'month' })], 0.4, 'key/day'],
    ['one that is overspent by a job for nothing', [level({ spentNano: 2 * USD, reservedNano: 1 })], 0, 'key/day'],
  ])('names %s', (_which, levels, needed, rule) => {
    expect(refused(levels, needed * USD).options.members).toMatchObject({ rule });
  });

  it('has status, code, figures and the word not to try again in both dialects', () => {
    for (const dialect of ['problem', 'openai'] as const) {
      const { status, headers, body } = errorResponse(refused([level()]), { dialect, requestId: 'r' });
      expect(status).toBe(429);
      expect(headers).toMatchObject({ 'x-should-retry': 'false' });
      expect(headers).not.toHaveProperty('retry-after');
      const error = dialect === 'problem' ? body : (body as { error: object }).error;
      expect(error).toMatchObject({
        ...{ code: 'insufficient_quota', rule: 'key/day', limit_usd: 2, spent_usd: 1.2, reserved_usd: 0.5 },
        ...{ required_usd: 0.4, resets_at: '2026-11-23T00:00:00.000Z' },
      });
      if (dialect === 'openai') expect(error).toMatchObject({ type: 'insufficient_quota', param: null });
    }
  });
});
