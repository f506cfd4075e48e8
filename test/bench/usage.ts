/** How fast the administrator is told what was used, when a great many attempts were. */
import pg from 'pg';
import { startStack, type Stack } from '#testing/stack.js';
import { median, scaled, table, type BenchOptions } from './measure.ts';

const ATTEMPTS = 1_000_000;
const DAYS = 30;
const REQUESTS = 20;
const ADMIN = 'an-administrators-token';
const DAY_MS = 24 * 3_600_000;

const GROUPS = ['day', 'key', 'model', 'provider', 'project'];

/** The answers of an API process over a PostgreSQL that has them all, with their sums by day as the recorder keeps them. */
export async function usage({ scale }: BenchOptions): Promise<string> {
  const count = scaled(ATTEMPTS, scale);
  const stack = await startStack({ database: 'postgres', env: { TOKENHUB_ADMIN_TOKEN: ADMIN } });
  try {
    const sums = await fill(stack, count);
    const rows: string[][] = [];
    for (const group of GROUPS) rows.push(await measure(stack, group, count));
    rows.push(await measureExport(stack, 'export, a page of 1,000', ''));
    rows.push(await measureExport(stack, 'export of one day', `&from=${dayOf(DAYS / 2)}&to=${dayOf(DAYS / 2)}`));
    return [
      `## Usage: ${count} attempts over ${DAYS} days, ${sums} sums by day, ${REQUESTS} requests each\n`,
      table(['GET /admin/v1/usage', 'rows', 'p50 ms', 'max ms'], rows),
      '\nWanted: every sum under 200 ms\n',
    ].join('\n');
  } finally {
    await stack.stop();
  }
}

/** 4 projects with 25 keys each, 12 models of 3 providers; gives how many sums that makes. */
async function fill(stack: Stack, count: number): Promise<number> {
  const client = new pg.Client({ connectionString: stack.database?.url });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO usage_attempts (id, job_id, project, key, provider, model, state, error_class, wasted, usage_estimated,
        input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_nano, waited_ms,
        ttft_ms, duration_ms, ended_ms)
      SELECT 'job_' || n || '-answer.1', 'job_' || n, 'project-' || n % 4, 'key-' || n % 100, 'provider-' || (n / 7) % 12 % 3,
        'model-' || (n / 7) % 12, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END,
        CASE WHEN n % 50 = 0 THEN 'transient' END, n % 50 = 0, false,
        100 + n % 5000, n % 900, n % 90, n % 10, n % 70, 1000 + n % 1000000, n % 40, NULL, 200 + n % 3000,
        $2::bigint + (n::float8 / $1 * $3)::bigint
      FROM generate_series(0, $1::integer - 1) AS n`,
      [count, Date.parse(dayOf(DAYS - 1)), DAYS * DAY_MS - 1],
    );
    await client.query(`INSERT INTO usage_daily
      SELECT (to_timestamp(ended_ms / 1000.0) AT TIME ZONE 'UTC')::date, project, key, provider, model,
        count(*), count(*) FILTER (WHERE wasted), sum(input_tokens), sum(output_tokens), sum(cached_input_tokens),
        sum(cache_write_input_tokens), sum(reasoning_tokens), sum(cost_nano),
        coalesce(sum(cost_nano) FILTER (WHERE wasted), 0), sum(duration_ms), min(seq), max(seq)
      FROM usage_attempts GROUP BY 1, 2, 3, 4, 5`);
    await client.query('VACUUM ANALYZE usage_attempts, usage_daily');
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM usage_daily');
    return Number(rows[0]?.count);
  } finally {
    await client.end();
  }
}

/** So many days ago, in UTC. */
function dayOf(daysAgo: number): string {
  return new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
}

async function measure(stack: Stack, group: string, count: number): Promise<string[]> {
  const period = `from=${dayOf(DAYS)}&to=${dayOf(0)}`;
  const { text, times } = await repeat(`${stack.url}/admin/v1/usage?group_by=${group}&${period}`);
  const { data } = JSON.parse(text) as { data: { attempts: number }[] };
  const counted = data.reduce((sum, { attempts }) => sum + attempts, 0);
  if (counted !== count) throw new Error(`by ${group} there are ${counted} attempts, not ${count}`);
  return row(`by ${group}`, data.length, times);
}

async function measureExport(stack: Stack, name: string, period: string): Promise<string[]> {
  const { text, times } = await repeat(`${stack.url}/admin/v1/usage/attempts?limit=1000${period}`);
  return row(name, text.split('\n').length - 1, times);
}

function row(name: string, rows: number, times: number[]): string[] {
  return [name, String(rows), median(times).toFixed(1), Math.max(...times).toFixed(1)];
}

/** The first of them finds nothing warm, and counts. */
async function repeat(url: string): Promise<{ text: string; times: number[] }> {
  const times: number[] = [];
  let text = '';
  for (let i = 0; i < REQUESTS; i++) {
    const startedAt = performance.now();
    const answer = await fetch(url, { headers: { authorization: `Bearer ${ADMIN}` } });
    text = await answer.text();
    times.push(performance.now() - startedAt);
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  }
  return { text, times };
}
