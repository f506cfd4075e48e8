import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keys } from '#platform/keys.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';

const ADMIN = 'an-administrators-token';

interface Job {
  id: string;
  state: string;
  created_at: string;
  metadata: Record<string, string>;
}
interface Page {
  data: Job[];
  has_more: boolean;
}

describe.each(['pglite', 'postgres'] as const)('a stack with %s', (database) => {
  let stack: Stack;
  let redis: RedisClient;

  beforeAll(async () => {
    stack = await startStack({ database, workers: 2, env: { TOKENHUB_ADMIN_TOKEN: ADMIN } });
    redis = connectRedis({ kind: 'single', url: stack.redis.url }, { name: 'test', whenAway: 'wait' });
    redis.on('error', () => undefined);
  }, 120_000);

  afterAll(async () => {
    redis.disconnect();
    await stack.stop();
  });

  const call = (path: string, init?: RequestInit): Promise<Response> => fetch(`${stack.url}${path}`, init);
  const read = async <T>(path: string): Promise<T> => (await call(path)).json() as Promise<T>;

  async function post(metadata: Record<string, string>, headers: Record<string, string> = {}): Promise<Job> {
    const body = { type: 'chat', request: { messages: [{ role: 'user', content: 'Say it.' }] }, metadata };
    const answer = await call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30', ...headers },
      body: JSON.stringify(body),
    });
    expect([200, 202]).toContain(answer.status);
    return (await answer.json()) as Job;
  }

  const recorded = (): Promise<boolean> =>
    waitFor(async () => (await redis.xlen(keys.ledger())) === 0 && (await redis.get(keys.ledgerWaiting())) === '0', {
      describe: 'everything to be recorded',
    });

  /** As the end of the hot window would have it. */
  async function forget({ id }: Job): Promise<void> {
    const own = await redis.keys(`{th}:*${id}*`);
    if (own.length > 0) await redis.del(...own.filter((key) => !key.includes(':order:')));
  }

  it('shows a job that has left Redis as it was', async () => {
    const job = await post({ run: 'shown' });
    expect(job.state).toBe('completed');
    await recorded();
    await expect(redis.pttl(keys.job(job.id))).resolves.toBeGreaterThan(0);
    await forget(job);
    await expect(read(`/v1/jobs/${job.id}`)).resolves.toStrictEqual(job);
    const result = await call(`/v1/jobs/${job.id}/result`);
    expect(result.status).toBe(200);
    await expect(result.json()).resolves.toStrictEqual((job as unknown as { result: object }).result);
    await expect(call(`/v1/jobs/${job.id}/cancel`, { method: 'POST' })).resolves.toMatchObject({ status: 409 });
    await expect(call(`/v1/jobs/${job.id}/events`)).resolves.toMatchObject({ status: 204 });
  });

  it('shows an orchestration that has left Redis with all its steps', async () => {
    const answer = await call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30' },
      body: JSON.stringify({
        type: 'orchestration',
        request: { messages: [{ role: 'user', content: 'Plan it.' }] },
        orchestration: { mode: 'refine', iterations: 1 },
      }),
    });
    const job = (await answer.json()) as Job & { steps: { output: string | null }[] };
    expect(job.state).toBe('completed');
    expect(job.steps.filter(({ output }) => output !== null).length).toBeGreaterThan(1);
    await recorded();
    await forget(job);
    await expect(read(`/v1/jobs/${job.id}`)).resolves.toStrictEqual(job);
  });

  it('answers a repeated idempotency key with the job of then, also when it has left Redis', async () => {
    const again = { 'idempotency-key': `again-${database}` };
    const job = await post({ run: 'again' }, again);
    await recorded();
    await forget(job);
    await expect(post({ run: 'again' }, again)).resolves.toStrictEqual(job);
  });

  it('erases a job that has left Redis, with its idempotency key', async () => {
    const once = { 'idempotency-key': `erased-${database}` };
    const job = await post({ run: 'erased' }, once);
    await recorded();
    await forget(job);
    await expect(call(`/v1/jobs/${job.id}`, { method: 'DELETE' })).resolves.toMatchObject({ status: 204 });
    await expect(call(`/v1/jobs/${job.id}`)).resolves.toMatchObject({ status: 404 });
    await expect(call(`/v1/jobs/${job.id}`, { method: 'DELETE' })).resolves.toMatchObject({ status: 404 });
    expect((await post({ run: 'erased' }, once)).id).not.toBe(job.id);
  });

  it('lists what is in Redis and what has left it as one list, filtered', async () => {
    const jobs: Job[] = [];
    for (let i = 0; i < 6; i++) jobs.push(await post({ run: 'listed', i: String(i) }));
    await recorded();
    for (const job of jobs.slice(0, 4)) await forget(job);
    jobs.push(await post({ run: 'listed', i: '6' }));
    const expected = jobs.map(({ id }) => id).toReversed();
    const found: string[] = [];
    for (let after = '', more = true; more;) {
      const page = await read<Page>(`/v1/jobs?metadata[run]=listed&limit=2${after}`);
      found.push(...page.data.map(({ id }) => id));
      more = page.has_more;
      after = `&after=${found.at(-1) ?? ''}`;
    }
    expect(found).toStrictEqual(expected);
    const one = await read<Page>('/v1/jobs?metadata[run]=listed&metadata[i]=2&state=completed&type=chat');
    expect(one.data.map(({ metadata }) => metadata.i)).toStrictEqual(['2']);
    await expect(read<Page>('/v1/jobs?metadata[run]=listed&state=failed')).resolves.toMatchObject({ data: [] });
    const between = `created_after=${jobs[2]?.created_at}&created_before=${jobs[5]?.created_at}`;
    const some = await read<Page>(`/v1/jobs?metadata[run]=listed&${between}`);
    expect(some.data.map(({ metadata }) => metadata.i)).toStrictEqual(['4', '3', '2']);
  });

  it('shows the administrator, and nobody else, the jobs of all projects', async () => {
    const job = await post({ run: 'administered' });
    const waiting = await post({ run: 'administered' }, { prefer: 'respond-async' });
    await recorded();
    await forget(job);
    const admin = { headers: { authorization: `Bearer ${ADMIN}` } };
    const list = async (query: string): Promise<Page> =>
      (await (await call(`/admin/v1/jobs?${query}`, admin)).json()) as Page;
    const shown = { ...job, project: 'default', key: 'anonymous' };
    const page = await list('metadata[run]=administered');
    expect(page.data.map(({ id }) => id)).toStrictEqual([waiting.id, job.id]);
    expect(page.data[1]).toStrictEqual(shown);
    await expect(list('metadata[run]=administered&project=default&limit=1')).resolves.toMatchObject({
      data: [{ id: waiting.id }],
      has_more: true,
    });
    await expect(list('project=another')).resolves.toMatchObject({ data: [], has_more: false, last_id: null });
    await expect((await call(`/admin/v1/jobs/${job.id}`, admin)).json()).resolves.toStrictEqual(shown);
    const unknown = `/admin/v1/jobs/job_${'0'.repeat(32)}`;
    await expect(call(unknown, admin)).resolves.toMatchObject({ status: 404 });
    await expect(call('/admin/v1/jobs?user=me', admin)).resolves.toMatchObject({ status: 400 });
    for (const path of ['/admin/v1/jobs', `/admin/v1/jobs/${job.id}`]) {
      await expect(call(path)).resolves.toMatchObject({ status: 401 });
    }
  });

  it('tells the administrator, and nobody else, what was used', async () => {
    const job = await post({ run: 'used' });
    await recorded();
    const admin = { headers: { authorization: `Bearer ${ADMIN}` } };
    const usage = await call('/admin/v1/usage?group_by=key', admin);
    expect(usage.status).toBe(200);
    const { data } = (await usage.json()) as { data: Record<string, number | string>[] };
    expect(data).toMatchObject([{ project: 'default', key: 'anonymous' }]);
    const attempts = await call('/admin/v1/usage/attempts?limit=10000', admin);
    expect(attempts.headers.get('content-type')).toContain('application/jsonl');
    const lines = (await attempts.text()).split('\n').filter((line) => line !== '');
    const rows = lines.map((line) => JSON.parse(line) as { id: string; job_id: string; cost_nano: number });
    expect(rows.filter(({ job_id }) => job_id === job.id)).toHaveLength(1);
    expect(rows).toHaveLength(Number(data[0]?.attempts));
    expect(rows.reduce((sum, { cost_nano }) => sum + cost_nano, 0)).toBe(data[0]?.cost_nano);
    expect(attempts.headers.get('x-has-more')).toBe('false');
    const later = await post({ run: 'used' });
    await recorded();
    const cursor = attempts.headers.get('x-next-cursor') ?? '';
    const more = await call(`/admin/v1/usage/attempts?format=csv&after=${cursor}`, admin);
    expect((await more.text()).split('\r\n').map((line) => line.split(',')[1])).toStrictEqual([later.id, undefined]);
    for (const path of ['/admin/v1/usage?group_by=key', '/admin/v1/usage/attempts']) {
      await expect(call(path)).resolves.toMatchObject({ status: 401 });
    }
    await expect(call('/admin/v1/usage?group_by=user', admin)).resolves.toMatchObject({ status: 400 });
  });

  it('with the database killed and back: jobs go on, nothing is lost', async () => {
    const before = await post({ run: 'outage' });
    await recorded();
    await forget(before);
    await waitFor(async () => (await read<{ database: string }>('/ready')).database === 'reachable');
    await stack.database?.kill();
    const during = await post({ run: 'outage' });
    expect(during.state).toBe('completed');
    await expect(call(`/v1/jobs/${during.id}`)).resolves.toMatchObject({ status: 200 });
    const away = await call(`/v1/jobs/${before.id}`);
    expect(away.status).toBe(503);
    expect(away.headers.get('retry-after')).not.toBeNull();
    for (const { url } of [...stack.apis, ...stack.workers]) {
      const ready = await fetch(`${url}/ready`);
      expect([ready.status, await ready.json()]).toMatchObject([200, { database: 'away' }]);
    }
    await stack.database?.restart();
    await recorded();
    const data = await waitFor(async () => (await read<Partial<Page>>('/v1/jobs?metadata[run]=outage')).data);
    expect(data.map(({ id }) => id)).toStrictEqual([during.id, before.id]);
  });
});
