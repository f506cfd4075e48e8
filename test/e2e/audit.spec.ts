import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startStack, type Stack } from '#testing/stack.js';
import { ADMIN_TOKEN, AdminCalls, type Answer } from './admin-calls.js';
import { chatJob, type Job, post, untilState } from './doors.js';

interface Entry {
  id: number;
  at: string;
  actor: string;
  action: string;
  target: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  outcome: 'committed' | 'noted' | 'failed' | 'unknown';
  error?: string;
  entry?: number;
  request_id: string;
}

const CANARY = 'c4n4ry7f3e9d1b';

describe('the audit of a Tokenhub with a database', () => {
  let stack: Stack;
  const admin = new AdminCalls(() => stack);
  const secrets: string[] = [];
  let seen = 0;

  /** What has been added since the last look. */
  const news = async (): Promise<Entry[]> => {
    const { body } = await admin.do('GET', `audit?after=${seen}&limit=1000`);
    const data = body.data as Entry[];
    seen = data.at(-1)?.id ?? seen;
    return data;
  };
  const told = async (): Promise<string[]> =>
    (await news()).map(({ action, target, outcome }) => `${action} ${target} ${outcome}`);
  /** Does it, and remembers the secret that it shows. */
  const act = async (method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await admin.send(method, path, body === undefined ? {} : { body });
    if (typeof answer.body.secret === 'string') secrets.push(answer.body.secret);
    return answer;
  };

  beforeAll(async () => {
    stack = await startStack({
      ...{ appendfsync: 'no', database: 'postgres', apis: 2 },
      env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN, TOKENHUB_LOG_LEVEL: 'trace' },
    });
  }, 120_000);

  afterAll(() => stack.stop());

  it('has every change of providers, models and aliases, with what was and what is', async () => {
    const provider = {
      ...{ id: 'second', type: 'openai', base_url: `${stack.simulatorUrl}/v1`, credential: { source: 'none' } },
    };
    const made = await act('POST', 'providers', provider);
    await act('PUT', 'models/m', { provider: 'second', upstream_model: 'sim-small' });
    await act('POST', 'aliases', { id: 'both', members: [{ model: 'm', weight: 1 }] });
    await act('PATCH', 'providers/second', { enabled: false });
    await act('DELETE', 'aliases/both');
    const [created, ...rest] = await news();
    expect(created).toEqual({
      ...{ id: expect.any(Number), object: 'audit_entry', at: expect.stringMatching(/^\d{4}-.*Z$/), actor: 'token' },
      ...{ action: 'provider.created', target: 'second', before: null, after: provider, outcome: 'committed' },
      request_id: made.headers.get('x-request-id'),
    });
    expect(rest.map(({ action, target }) => `${action} ${target}`)).toEqual([
      ...['model.created m', 'alias.created both', 'provider.updated second', 'alias.deleted both'],
    ]);
    expect(rest[2]).toMatchObject({ before: provider, after: { ...provider, enabled: false } });
    expect(rest[3]).toMatchObject({ before: { id: 'both' }, after: null });
  });

  it('has every change of projects and keys, and none of their secrets', async () => {
    await act('PUT', 'projects/team', { name: 'Team' });
    await act('PATCH', 'projects/team', { budget: { day_usd: 5 } });
    await act('POST', 'keys', { id: 'ci', project: 'team', scopes: ['jobs'] });
    await act('PUT', 'keys/cd', { project: 'team', scopes: ['chat'] });
    await act('PATCH', 'keys/ci', { disabled: true });
    await act('POST', 'keys/ci/rotate', { overlap_seconds: 60 });
    await act('DELETE', 'keys/ci');
    await act('DELETE', 'keys/cd');
    await act('DELETE', 'projects/team');
    const entries = await news();
    expect(entries.map(({ action, target }) => `${action} ${target}`)).toEqual([
      ...['project.created team', 'project.updated team', 'key.created ci', 'key.created cd', 'key.updated ci'],
      ...['key.rotated ci', 'key.deleted ci', 'key.deleted cd', 'project.deleted team'],
    ]);
    expect(secrets).toHaveLength(3);
    expect(entries[4]).toMatchObject({ before: { disabled: false }, after: { disabled: true } });
    expect(JSON.stringify(entries)).not.toMatch(/[0-9a-f]{64}/);
  });

  it('has what is done outside the database, before it is done, and says what was not done', async () => {
    await act('POST', 'providers/simulator/discover');
    await act('POST', 'providers/simulator/test');
    await act('POST', 'providers/none/discover');
    await act('POST', 'budgets/recount');
    await act('POST', 'pools/simulator/pause', { for_seconds: 3_600, reason: `th_${CANARY}00 was seen` });
    await act('POST', 'pools/simulator/resume');
    const entries = await news();
    expect(entries.map(({ action, target, outcome }) => `${action} ${target} ${outcome}`)).toEqual([
      ...['provider.discovered simulator noted', 'provider.tested simulator noted', 'provider.discovered none noted'],
      ...['provider.discovered none failed', 'budget.recounted all noted', 'pool.paused simulator noted'],
      'pool.resumed simulator noted',
    ]);
    expect(entries[3]).toMatchObject({ entry: entries[2]?.id, error: expect.stringMatching(/^provider_not_found: /) });
    expect(entries[5]?.after).toMatchObject({
      until: expect.any(String),
      reason: 'th_[masked] was seen',
      actor: 'token',
    });
    expect(entries[6]?.before).toMatchObject({ reason: 'th_[masked] was seen' });
  });

  it('has what administrators do with jobs, and nothing of what is in them', async () => {
    const text = `a prompt with ${CANARY}`;
    const waiting: Job = await post(
      stack.url,
      chatJob({
        ...{ not_before: new Date(Date.now() + 3_600_000).toISOString(), metadata: { note: CANARY } },
        request: { messages: [{ role: 'user', content: text }] },
      }),
    );
    expect((await act('POST', `jobs/${waiting.id}/cancel`)).body).toMatchObject({ state: 'cancelled' });
    expect((await act('POST', `jobs/${waiting.id}/retry`)).body).toMatchObject({ code: 'job_not_retryable' });
    expect((await act('DELETE', `jobs/${waiting.id}`)).status).toBe(204);
    expect((await act('DELETE', `jobs/${waiting.id}`)).body).toMatchObject({ code: 'job_not_found' });
    const expired = await post(stack.url, chatJob({ timeout_ms: 1 }, { text: CANARY }));
    await untilState(stack.url, expired.id, ['expired']);
    const retried = await act('POST', `jobs/${expired.id}/retry`);
    expect(retried).toMatchObject({
      status: 202,
      body: { retry_of: expired.id, project: 'default', key: 'anonymous' },
    });
    const entries = await news();
    expect(entries.map(({ action, target, outcome }) => `${action} ${target} ${outcome}`)).toEqual([
      `job.cancelled ${waiting.id} noted`,
      `job.deleted ${waiting.id} noted`,
      `job.retried ${expired.id} noted`,
    ]);
    expect(entries[0]?.before).toEqual({ state: 'queued', project: 'default', key: 'anonymous' });
    expect(entries.at(-1)?.after).toEqual({ job: retried.body.id, project: 'default', key: 'anonymous' });
  });

  it('has nothing of what was refused before it began', async () => {
    await news();
    expect((await act('POST', 'providers', { id: 'x' })).status).toBe(400);
    expect((await act('DELETE', 'models/none')).status).toBe(404);
    expect((await act('POST', 'pools/none/pause', {})).body).toMatchObject({ code: 'pool_not_found' });
    expect((await act('POST', 'pools/simulator/pause', { for_seconds: 0 })).status).toBe(400);
    expect((await act('GET', 'keys')).status).toBe(200);
    expect((await admin.send('GET', 'audit', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect(await told()).toEqual([]);
  });

  it('is read from any process, page by page, and nothing is missed or seen twice', async () => {
    const all = (await admin.do('GET', 'audit?limit=1000')).body;
    const ids = (all.data as Entry[]).map(({ id }) => id);
    expect(ids).toEqual(ids.map((_, i) => i + 1));
    expect(all).toMatchObject({ object: 'list', first_id: 1, last_id: ids.length, has_more: false });
    const other = new AdminCalls(() => ({ url: stack.apis[1]?.url ?? '' }));
    const read: number[] = [];
    for (let more = true; more;) {
      const { body } = await other.do('GET', `audit?limit=4&after=${read.at(-1) ?? 0}`);
      read.push(...(body.data as Entry[]).map(({ id }) => id));
      more = body.has_more === true;
    }
    expect(read).toEqual(ids);
    const found = (await admin.do('GET', 'audit?action=key.*&target=ci')).body.data as Entry[];
    expect(found.map(({ action }) => action)).toEqual(['key.created', 'key.updated', 'key.rotated', 'key.deleted']);
    expect((await admin.send('GET', 'audit?action=%25')).body).toMatchObject({
      code: 'invalid_value',
      param: 'action',
    });
    expect((await admin.send('DELETE', 'audit')).status).toBe(404);
    expect((await admin.send('DELETE', 'audit/1')).status).toBe(404);
  });

  it('holds none of the secrets and texts that passed by, and the log counts who was refused without naming a token', async () => {
    const kept = JSON.stringify((await admin.do('GET', 'audit?limit=1000')).body);
    for (const secret of [...secrets, CANARY, ADMIN_TOKEN]) expect(kept).not.toContain(secret);
    const lines = stack.apis
      .flatMap(({ lines: of }) => of)
      .filter((line) => line.includes('refused at the admin door'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toContain('wrong');
  });

  it('while the database is away nothing is done that it would tell of', async () => {
    await stack.database?.stop();
    const refused = [
      await act('PUT', 'projects/late', {}),
      await act('POST', 'pools/simulator/pause', {}),
      await act('POST', 'providers/simulator/test'),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
      refused.map(() => [503, 'store_unavailable']),
    );
    expect((await admin.do('GET', 'pools/simulator')).body).toMatchObject({ paused: false, admin_pause: null });
  });
});

describe('without a database', () => {
  let stack: Stack;
  const admin = new AdminCalls(() => stack);

  beforeAll(async () => {
    stack = await startStack({ appendfsync: 'no', env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN } });
  }, 120_000);

  afterAll(() => stack.stop());

  it('an action is one structured line of the log, and the audit cannot be read', async () => {
    const reason = `https://user:${CANARY}@grafana.internal`;
    await admin.do('POST', 'pools/simulator/pause', { body: { reason } });
    await admin.do('POST', 'pools/simulator/resume');
    const lines = stack.apis.flatMap(({ lines: of }) => of).filter((line) => line.includes('"audit":'));
    expect(lines.map((line) => (JSON.parse(line) as { audit: unknown }).audit)).toMatchObject([
      { action: 'pool.paused', target: 'simulator', actor: 'token', outcome: 'noted', after: { until: null } },
      { action: 'pool.resumed', target: 'simulator', actor: 'token', outcome: 'noted' },
    ]);
    expect(lines.join('\n')).not.toContain(CANARY);
    expect(await admin.send('GET', 'audit')).toMatchObject({ status: 409, body: { code: 'settings_not_kept' } });
  });
});
