import type { BudgetLevel, BudgetOwner, BudgetRule } from '#contracts/budgets.js';
import type { RedisClient } from '#platform/redis.js';
import { levelField, levelsKey, levelsKeptUntil } from './job-budgets.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';

/** How budgets stand, for those who look at them. */
export class BudgetLevels {
  private readonly scripts: JobScripts;

  constructor(private readonly redis: RedisClient) {
    this.scripts = loadJobScripts(redis);
  }

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

  /** Brings what is spent in the windows of this time up to what is recorded of each rule; less than it says already changes nothing. */
  async raiseSpent(
    { project, key, rules }: BudgetOwner,
    recordedNano: (rule: BudgetRule) => number,
    atMs: number,
  ): Promise<void> {
    const args = rules.flatMap((rule) => [levelField(rule, key ?? '', atMs), rule.limitNano, recordedNano(rule)]);
    if (args.length === 0) return;
    await this.scripts['raise-spent']([levelsKey(project, atMs)], [levelsKeptUntil(atMs), ...args]);
  }
}
