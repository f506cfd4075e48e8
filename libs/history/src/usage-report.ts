import { sql } from 'kysely';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';

export const USAGE_GROUPS = ['key', 'model', 'provider', 'day', 'project'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** Sums over the attempts of one group; money in nano-dollars. */
export interface UsageSum {
  /** What they have in common; a key with its project. */
  group: Record<string, string>;
  attempts: number;
  wastedAttempts: number;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  cacheWriteInputTokens: number;
  reasoningTokens: number;
  costNano: number;
  wastedCostNano: number;
  durationMs: number;
}

/** Days in UTC as `YYYY-MM-DD`, both included. */
export interface UsagePeriod {
  from: string;
  to: string;
}

const COLUMNS: Record<UsageGroup, readonly ('key' | 'model' | 'provider' | 'day' | 'project')[]> = {
  key: ['project', 'key'],
  model: ['model'],
  provider: ['provider'],
  day: ['day'],
  project: ['project'],
};

/** What was used, from the sums by day: cheap however many attempts there were. */
export class UsageReport {
  constructor(private readonly db: Db) {}

  /** One row for each group that has any, in the order of the groups' names. Throws `store_unavailable` while the database is away. */
  async sums(by: UsageGroup, { from, to }: UsagePeriod): Promise<UsageSum[]> {
    const columns = COLUMNS[by];
    // As text: beyond what a number holds exactly it is rounded, and no reason to fail.
    const sum = (column: string) => sql<string>`sum(${sql.ref(column)})::text`;
    const rows = await answered(
      this.db
        .selectFrom('usage_daily')
        .select(columns)
        .select([
          sum('attempts').as('attempts'),
          sum('wasted_attempts').as('wastedAttempts'),
          sum('input_tokens').as('inputTokens'),
          sum('output_tokens').as('outputTokens'),
          sum('cached_input_tokens').as('cachedInputTokens'),
          sum('cache_write_input_tokens').as('cacheWriteInputTokens'),
          sum('reasoning_tokens').as('reasoningTokens'),
          sum('cost_nano').as('costNano'),
          sum('wasted_cost_nano').as('wastedCostNano'),
          sum('duration_ms').as('durationMs'),
        ])
        .where('day', '>=', from)
        .where('day', '<=', to)
        .groupBy(columns)
        .orderBy(sql.join(columns.map((column) => sql.ref(column))))
        .execute(),
    );
    return rows.map(({ day, project, key, provider, model, ...sums }) => {
      const all = { day, project, key, provider, model };
      const figures = Object.fromEntries(Object.entries(sums).map(([name, text]) => [name, Number(text)]));
      return {
        group: Object.fromEntries(columns.map((column) => [column, all[column]])),
        ...(figures as Record<keyof typeof sums, number>),
      };
    });
  }
}
