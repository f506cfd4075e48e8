import type { BudgetLevel, BudgetOwner } from '#contracts/budgets.js';
import type { RedisClient } from '#platform/redis.js';
import { levelField, levelsKey } from './job-budgets.js';

/** How budgets stand, for those who look at them; changes nothing. */
export class BudgetLevels {
  constructor(private readonly redis: RedisClient) {}

  /** The owner's rules as they stand in the windows of this time; nothing has been counted of one that no job was made under. */
  async read({ project, key, rules }: BudgetOwner, atMs: number): Promise<BudgetLevel[]> {
    if (rules.length === 0) return [];
    const fields = rules.map((rule) => levelField(rule, key ?? '', atMs));
    const values = await this.redis.hmget(levelsKey(project, atMs), ...fields);
    return rules.map((rule, i) => {
      const [reservedNano = 0, spentNano = 0] = (values[i] ?? '0 0').split(' ').map(Number);
      return { ...rule, reservedNano, spentNano };
    });
  }
}
