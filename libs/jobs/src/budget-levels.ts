import {
  BUDGET_WINDOWS,
  budgetPeriod,
  type BudgetLevel,
  type BudgetOwner,
  type BudgetRule,
  type BudgetScope,
} from '#contracts/budgets.js';
import type { RedisClient } from '#platform/redis.js';
import { levelField, levelsKey, levelsKeptUntil } from './job-budgets.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';

/** A rule of a project: its own, or of one of its keys. */
export interface OwnedRule {
  key: string | null;
  rule: BudgetRule;
}

/** A rule and what is known to be spent of it, in nano-dollars. */
export interface KnownSpend extends OwnedRule {
  spentNano: number;
}

/** In one step; Lua can hand over a few thousand values at once. */
const MOST_RULES = 1_000;

const DAY_MS = 24 * 3_600_000;

/** The limit of a rule that there is no more: what a job has reserved may grow as it must. */
const LIFTED_NANO = Number.MAX_SAFE_INTEGER;

/** How budgets stand, for those who look at them and set them right. */
export class BudgetLevels {
  private readonly scripts: JobScripts;

  constructor(private readonly redis: RedisClient) {
    this.scripts = loadJobScripts(redis);
  }

  /** The owner's rules as they stand in the windows of this time; nothing has been counted of one that no job was made under. */
  read({ project, key, rules }: BudgetOwner, atMs: number): Promise<BudgetLevel[]> {
    return this.readRules(
      project,
      rules.map((rule) => ({ key, rule })),
      atMs,
    );
  }

  /** As `read`, for rules of a project and its keys. */
  async readRules(project: string, rules: readonly OwnedRule[], atMs: number): Promise<BudgetLevel[]> {
    if (rules.length === 0) return [];
    const fields = rules.map(({ rule, key }) => levelField(rule, key ?? '', atMs));
    const values = await this.redis.hmget(levelsKey(project, atMs), ...fields);
    return rules.map(({ rule }, i) => {
      const [reservedNano = 0, spentNano = 0] = (values[i] ?? '0 0').split(' ').map(Number);
      return { ...rule, reservedNano, spentNano };
    });
  }

  /** Brings what is spent in the windows of this time up to what is recorded of each rule; less than it says already changes nothing. */
  async raiseSpent(project: string, recorded: readonly KnownSpend[], atMs: number): Promise<void> {
    for (let from = 0; from < recorded.length; from += MOST_RULES) {
      await this.correct(project, recorded.slice(from, from + MOST_RULES), { atMs, set: false });
    }
  }

  /** Sets what is spent of a rule in its window of this time, higher or lower; what is reserved stays. */
  async setSpent(project: string, known: KnownSpend, atMs: number): Promise<void> {
    await this.correct(project, [known], { atMs, set: true });
  }

  /**
   * Holds the unfinished jobs of this owner to the rules that it has now, whichever they were made under: an absent rule bounds nothing any
   * more. Jobs of this month and the one before are meant.
   */
  async holdTo({ project, key, rules }: BudgetOwner, atMs: number): Promise<void> {
    const scope: BudgetScope = key === null ? 'project' : 'key';
    const limitOf = (window: BudgetRule['window']): number =>
      rules.find((rule) => rule.window === window)?.limitNano ?? LIFTED_NANO;
    for (const month of [atMs, budgetPeriod('month', atMs).startsAt - 1]) {
      const args = BUDGET_WINDOWS.flatMap((window) => {
        const rule = { scope, window, limitNano: limitOf(window) };
        return timesIn(window, month).flatMap((ms) => [levelField(rule, key ?? '', ms), rule.limitNano]);
      });
      await this.scripts['set-limits']([levelsKey(project, month)], args);
    }
  }

  private async correct(
    project: string,
    known: readonly KnownSpend[],
    { atMs, set }: { atMs: number; set: boolean },
  ): Promise<void> {
    const args = known.flatMap(({ rule, key, spentNano }) => [
      ...[levelField(rule, key ?? '', atMs), rule.limitNano, spentNano],
    ]);
    await this.scripts['correct-spent']([levelsKey(project, atMs)], [levelsKeptUntil(atMs), set ? '1' : '0', ...args]);
  }
}

/** A time in each window of this length in the month of a time. */
function timesIn(window: BudgetRule['window'], atMs: number): number[] {
  const { startsAt, endsAt } = budgetPeriod('month', atMs);
  if (window === 'month') return [startsAt];
  return Array.from({ length: Math.round((endsAt - startsAt) / DAY_MS) }, (_, day) => startsAt + day * DAY_MS);
}
