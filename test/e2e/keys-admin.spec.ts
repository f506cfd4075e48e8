import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { AuthenticationError, NotFoundError, PermissionDeniedError, RateLimitError } from 'openai';
import { connectDatabase } from '#database/connect-database.js';
import { keys } from '#platform/keys.js';
import { connectRedis } from '#platform/redis.js';
import { waitFor } from '#testing/wait-for.js';
import { ask, chat, chatJob, everythingIn, type Answer, type Job, type Json } from './doors.js';
import { ADMIN, bearer, ENVIRONMENT_KEY, FORM, HOUSE_KEY, KeysStack } from './keys-stack.js';
import { chatBody, rejection, streamBody } from './openai-stack.js';

/* Keys and projects as an administrator makes them and their holders use them. */

/** The promise is a second; a machine that is busy with other things may be late. */
const TOLERATED_MS = 15_000;

let hub: KeysStack;

beforeAll(async () => {
  hub = await KeysStack.start();
}, 90_000);

afterAll(() => hub.stop());

describe('the life of a key', () => {
  it('is made with a secret that is shown once, works at once where it was made, and soon everywhere', async () => {
    const { status, headers, body } = await hub.admin('POST', 'keys', {
      body: { id: 'first', project: 'house', name: 'First', scopes: ['jobs', 'chat'], limits: { rpm: 600 }, share: 2 },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe('/admin/v1/keys/first');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.secret).toMatch(FORM);
    expect(body).toMatchObject({
      ...{ object: 'key', id: 'first', project: 'house', name: 'First', declared: false, disabled: false },
      ...{
        scopes: ['jobs', 'chat'],
        limits: { rpm: 600 },
        share: 2,
        allowed_models: null,
        policy: {},
        budget: {},
        expires_at: null,
      },
      hint: `${body.secret.slice(0, 7)}…${body.secret.slice(-4)}`,
    });
    expect((await ask(`${hub.stack.url}/v1/jobs`, { headers: bearer(body.secret) })).status).toBe(200);
    expect(await hub.untilAll(body.secret, 200)).toBeLessThan(TOLERATED_MS);
    const again = await hub.admin('GET', 'keys/first', { api: 1 });
    const { secret: _once, ...rest } = body;
    expect(again.body).toEqual(rest);
    expect(again.headers.get('etag')).toBe(headers.get('etag'));
    expect((await hub.client(body.secret).chat.completions.create(chatBody())).choices).toHaveLength(1);
  });

  it('has limits, which a change sets anew at once', async () => {
    const { id, secret } = await hub.newKey({ limits: { rpd: 1 } });
    await hub.untilAll(secret, 200);
    await hub.client(secret).chat.completions.create(chatBody());
    expect(await rejection(hub.client(secret, 1).chat.completions.create(chatBody()))).toBeInstanceOf(RateLimitError);
    const raised = await hub.admin('PATCH', `keys/${id}`, { body: { limits: { rpd: 100 } } });
    expect(raised.body).toMatchObject({ limits: { rpd: 100 }, scopes: ['jobs', 'chat', 'models'] });
    await hub.client(secret).chat.completions.create(chatBody());
    await hub.admin('PATCH', `keys/${id}`, { body: { limits: null, scopes: ['models'] } });
    expect(await rejection(hub.client(secret).chat.completions.create(chatBody()))).toBeInstanceOf(
      PermissionDeniedError,
    );
  });

  it('has its secrets before while a rotation overlaps, each until its own end', async () => {
    const { id, secret: first, hint } = await hub.newKey();
    await hub.untilAll(first, 200);
    const rotated = await hub.admin('POST', `keys/${id}/rotate`, { body: { overlap_seconds: 3_600 } });
    const second = rotated.body.secret;
    expect(rotated.body.secrets).toMatchObject([{ ends_at: null }, { hint, ends_at: expect.any(String) }]);
    await hub.untilAll(second, 200);
    expect(await hub.statuses(first)).toEqual([200, 200]);
    const { body } = await hub.admin('POST', `keys/${id}/rotate`, { api: 1 });
    expect(body.secrets).toHaveLength(3);
    await hub.untilAll(body.secret, 200);
    expect([await hub.statuses(first), await hub.statuses(second)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    for (let i = 0; i < 2; i++) await hub.admin('POST', `keys/${id}/rotate`);
    const sixth = await hub.admin('POST', `keys/${id}/rotate`);
    expect(sixth).toMatchObject({ status: 409, body: { code: 'too_many_secrets' } });
    const last = await hub.admin('POST', `keys/${id}/rotate`, { body: { overlap_seconds: 0 } });
    expect(last.body.secrets).toHaveLength(1);
    expect(await hub.untilAll(second, 401)).toBeLessThan(TOLERATED_MS);
    expect([await hub.statuses(first), await hub.statuses(body.secret)]).toEqual([
      [401, 401],
      [401, 401],
    ]);
    await hub.untilAll(last.body.secret, 200);
  });

  it('lets the old secret end by itself when the overlap is over', async () => {
    const { id, secret } = await hub.newKey();
    await hub.untilAll(secret, 200);
    await hub.admin('POST', `keys/${id}/rotate`, { body: { overlap_seconds: 5 } });
    expect(await hub.statuses(secret)).toEqual([200, 200]);
    await hub.untilAll(secret, 401);
    expect((await hub.admin('GET', `keys/${id}`)).body.secrets).toHaveLength(1);
  });

  it('stops working everywhere soon after it is disabled, and comes back when it is enabled', async () => {
    const { id, secret } = await hub.newKey();
    await hub.untilAll(secret, 200);
    await hub.admin('PATCH', `keys/${id}`, { body: { disabled: true } });
    expect(await hub.untilAll(secret, 401)).toBeLessThan(TOLERATED_MS);
    const refused = await rejection(hub.client(secret, 1).chat.completions.create(chatBody()));
    expect(refused).toBeInstanceOf(AuthenticationError);
    expect(String(refused)).toMatch(/is disabled/);
    await hub.admin('PATCH', `keys/${id}`, { body: { disabled: null }, api: 1 });
    expect(await hub.untilAll(secret, 200)).toBeLessThan(TOLERATED_MS);
  });

  it('ends with its expiry', async () => {
    const { secret } = await hub.newKey({ expires_at: new Date(Date.now() + 6_000).toISOString() });
    await hub.untilAll(secret, 200);
    await hub.untilAll(secret, 401);
    const { body } = await ask(`${hub.stack.url}/v1/jobs`, { headers: bearer(secret) });
    expect(body.detail).toMatch(/has expired/);
  });

  it('can be deleted while its jobs run: they go on, and the project’s other keys read them', async () => {
    const { id, secret } = await hub.newKey();
    const other = await hub.newKey();
    const job = await ask<Job>(`${hub.stack.url}/v1/jobs`, {
      body: chatJob({}, { ttft_ms: 6_000 }),
      headers: bearer(secret),
    });
    expect(job.status).toBe(202);
    expect((await hub.admin('DELETE', `keys/${id}`)).status).toBe(204);
    expect(await hub.untilAll(secret, 401)).toBeLessThan(TOLERATED_MS);
    const read = (): Promise<Answer<Job>> =>
      ask<Job>(`${hub.stack.url}/v1/jobs/${job.body.id}`, { headers: bearer(other.secret) });
    expect((await read()).body.state).toMatch(/queued|in_progress/);
    await waitFor(async () => (await read()).body.state === 'completed', { describe: 'the job to go on' });
    expect((await hub.admin('GET', `keys/${id}`)).body.code).toBe('key_not_found');
  });

  it('is told apart from one that is mistyped', async () => {
    const { secret } = await hub.newKey();
    const mistyped = `${secret.slice(0, -1)}${secret.endsWith('x') ? 'y' : 'x'}`;
    const { status, body } = await ask(`${hub.stack.url}/v1/jobs`, { headers: bearer(mistyped) });
    expect([status, body.code]).toEqual([401, 'invalid_api_key']);
    expect(body.detail).toMatch(/mistyped/);
    expect(body.detail).not.toContain(mistyped.slice(8, -4));
  });
});

describe('what a key may use', () => {
  let secret: string;
  beforeAll(async () => {
    ({ secret } = await hub.newKey({ allowed_models: ['smart', 'sim-tiny'] }));
    await hub.untilAll(secret, 200);
  });

  it('is all that it sees', async () => {
    const models = await hub.client(secret).models.list();
    expect(models.data.map(({ id }) => id).sort()).toEqual(['sim-tiny', 'smart']);
    expect(await rejection(hub.client(secret).models.retrieve('sim-small'))).toBeInstanceOf(NotFoundError);
    const explained = await ask(`${hub.stack.url}/v1/route/explain`, {
      body: { type: 'chat', request: chat() },
      headers: bearer(secret),
    });
    const { candidates, excluded } = explained.body as {
      candidates: { model: string }[];
      excluded: { model: string }[];
    };
    expect([...candidates, ...excluded].map(({ model }) => model).sort()).toEqual(['sim-large', 'sim-tiny']);
  });

  it('is all that it gets when it is routed, by an alias too', async () => {
    const routed = await hub.client(secret).chat.completions.create(chatBody({ model: 'auto' }));
    const drawn = await hub.client(secret).chat.completions.create(chatBody({ model: 'smart' }));
    expect([routed.model, drawn.model]).toEqual([expect.stringMatching(/^sim-(large|tiny)$/), 'sim-large']);
  });

  const ORCHESTRATED = { type: 'orchestration', request: chat() };
  it.each<[string, string, Json]>([
    ['a chat', '/v1/chat/completions', chatBody({ model: 'sim-small' }) as unknown as Json],
    ['a stream', '/v1/chat/completions', streamBody({ model: 'sim-small' }) as unknown as Json],
    [
      'a member of an alias that it may name',
      '/v1/chat/completions',
      chatBody({ model: 'sim-large' }) as unknown as Json,
    ],
    ['policy.models', '/v1/chat/completions', { ...chat(), tokenhub: { policy: { models: ['sim-small'] } } }],
    ['a completion', '/v1/completions', { model: 'sim-small', prompt: 'Say hello' }],
    ['a job', '/v1/jobs', chatJob({ request: { model: 'sim-small' } })],
    ['explain', '/v1/route/explain', { type: 'chat', request: chat({ model: 'sim-small' }) }],
    [
      'the one that plans',
      '/v1/jobs',
      { ...ORCHESTRATED, orchestration: { mode: 'adversarial', primary_model_id: 'sim-small' } },
    ],
    [
      'the critic',
      '/v1/jobs',
      { ...ORCHESTRATED, orchestration: { mode: 'adversarial', review_model_id: 'sim-small' } },
    ],
    [
      'the judge',
      '/v1/jobs',
      { ...ORCHESTRATED, orchestration: { mode: 'vote', voters: 2, review_model_id: 'sim-small' } },
    ],
    [
      'a directive',
      '/v1/chat/completions',
      {
        messages: [{ role: 'user', content: '@@tokenhub mode=adversarial review_model_id=sim-small\nSay hello' }],
        model: 'smart',
      },
    ],
    ['a hint', '/v1/chat', { request: { messages: [{ role: 'user', content: 'Hi' }], model_hint: 'sim-small' } }],
  ])('names no other: %s', async (_door, path, body) => {
    const { status, body: answer, text } = await ask(`${hub.stack.url}${path}`, { body, headers: bearer(secret) });
    const error = (answer.error ?? answer) as Json;
    expect([status, error.code]).toEqual([404, 'model_not_found']);
    expect(text).toMatch(/There is no model or alias \\"sim-(small|large)\\" that this key may use/);
  });

  it('is all that critics, judges and voters are chosen from', async () => {
    for (const orchestration of [{ mode: 'adversarial' }, { mode: 'vote', voters: 3 }]) {
      const { status, body } = await ask<Job & { steps: { model: string }[] }>(`${hub.stack.url}/v1/jobs`, {
        body: { ...ORCHESTRATED, request: chat({ model: 'auto', max_tokens: 10 }), orchestration },
        headers: { ...bearer(secret), prefer: 'wait=30' },
      });
      expect([status, body.state, body.error]).toEqual([200, 'completed', null]);
      for (const { model } of body.attempts) expect(['sim-large', 'sim-tiny']).toContain(model);
    }
  });

  it('holds for a retry, too: with a key that may use it the job is made anew', async () => {
    const open = await hub.newKey();
    const { body: failed } = await ask<Job>(`${hub.stack.url}/v1/jobs`, {
      body: chatJob({ request: { model: 'sim-small' } }, { fault: { kind: 'status', status: 400 } }),
      headers: { ...bearer(open.secret), prefer: 'wait=30' },
    });
    expect(failed.state).toBe('failed');
    const retry = (key: string): Promise<Answer> =>
      ask(`${hub.stack.url}/v1/jobs/${failed.id}/retry`, { method: 'POST', headers: bearer(key) });
    expect(await retry(secret)).toMatchObject({ status: 404, body: { code: 'model_not_found' } });
    expect((await retry(open.secret)).status).toBe(202);
  });

  it('holds for a key of the configuration as for any other', async () => {
    const models = await hub.client(HOUSE_KEY).models.list();
    expect(models.data.map(({ id }) => id).sort()).toEqual(['sim-tiny', 'smart']);
  });
});

describe('a policy', () => {
  it('of a key comes before its project’s, and a request’s own before both', async () => {
    await hub.admin('PUT', 'projects/thrifty', { body: { policy: { mode: 'cheap', max_attempts: 2 } } });
    const { secret } = await hub.newKey({
      project: 'thrifty',
      policy: { max_attempts: 3, models: ['sim-tiny', 'sim-small'] },
    });
    const explain = async (policy?: Json): Promise<{ mode: string; candidates: { model: string }[] }> =>
      (
        await ask<{ mode: string; candidates: { model: string }[] }>(`${hub.stack.url}/v1/route/explain`, {
          body: { type: 'chat', request: chat(), ...(policy && { policy }) },
          headers: bearer(secret),
        })
      ).body;
    const usual = await explain();
    expect([usual.mode, usual.candidates.map(({ model }) => model)]).toEqual(['cheap', ['sim-tiny', 'sim-small']]);
    const own = await explain({ mode: 'normal', models: ['sim-large'] });
    expect([own.mode, own.candidates.map(({ model }) => model)]).toEqual(['normal', ['sim-large']]);
  });
});

describe('a budget', () => {
  interface BudgetView extends Json {
    key: string | null;
  }
  /** What a job with this key is answered by each API process. */
  const made = (secret: string): Promise<unknown[][]> =>
    Promise.all(
      hub.stack.apis.map(async ({ url }) => {
        const { status, headers, body } = await ask(`${url}/v1/jobs`, { body: chatJob(), headers: bearer(secret) });
        return status === 202 ? [202] : [status, body.code, body.rule, headers.get('x-should-retry')];
      }),
    );
  const refusedBy = (rule: string): unknown[][] => hub.stack.apis.map(() => [429, 'insufficient_quota', rule, 'false']);
  /** Milliseconds until every API process makes jobs with this key. */
  async function untilMade(secret: string): Promise<number> {
    const since = performance.now();
    await waitFor(async () => (await made(secret)).every(([status]) => status === 202), { pauseMs: 5 });
    return performance.now() - since;
  }
  const shownBy = async (api: number, project: string): Promise<unknown[][]> => {
    const { body } = await hub.admin<{ data: BudgetView[] }>('GET', 'budgets?limit=100', { api });
    return body.data
      .filter((view) => view.project === project)
      .map(({ key, rule, limit_nano: limit }) => [key, rule, limit]);
  };

  it('of a key refuses what is beyond it; raised, it soon lets jobs through everywhere', async () => {
    await hub.admin('PUT', 'projects/metered', { body: {} });
    const { id, secret, budget } = await hub.newKey({ project: 'metered', budget: { day_usd: 0, month_usd: 9 } });
    expect(budget).toEqual({ day_usd: 0, month_usd: 9 });
    await hub.untilAll(secret, 200);
    expect(await made(secret)).toEqual(refusedBy('key/day'));
    expect(await shownBy(1, 'metered')).toEqual([
      [id, 'key/day', 0],
      [id, 'key/month', 9_000_000_000],
    ]);
    await hub.admin('PATCH', `keys/${id}`, { body: { budget: { day_usd: 5 } } });
    expect(await untilMade(secret)).toBeLessThan(TOLERATED_MS);
    const { body } = await hub.admin('PATCH', `keys/${id}`, { body: { budget: { day_usd: null } } });
    expect(body.budget).toEqual({ month_usd: 9 });
    await waitFor(async () => (await shownBy(1, 'metered')).length === 1, { describe: 'the rule to be gone' });
  });

  it('that Redis has lost is spent again as the history has it, when it is recounted', async () => {
    await hub.admin('PUT', 'projects/recounted', { body: {} });
    const { secret } = await hub.newKey({ project: 'recounted', budget: { month_usd: 9 } });
    await hub.untilAll(secret, 200);
    const { body: job } = await ask<Job>(`${hub.stack.url}/v1/jobs`, {
      body: chatJob(),
      headers: { ...bearer(secret), prefer: 'wait=30' },
    });
    expect(job.state).toBe('completed');
    const cost = Math.round(job.cost_usd * 1e9);
    expect(cost).toBeGreaterThan(0);
    const spentIn = ({ body }: Answer<{ data: BudgetView[] }>): unknown =>
      body.data.find(({ project }) => project === 'recounted')?.spent_nano;
    const budgets = (method: string, path: string) => hub.admin<{ data: BudgetView[] }>(method, path);
    await waitFor(async () => spentIn(await budgets('GET', 'budgets?project=recounted')) === cost);
    const redis = connectRedis({ kind: 'single', url: hub.stack.redis.url }, { name: 'test', whenAway: 'wait' });
    try {
      await redis.del(keys.budgetLevels('recounted', new Date().toISOString().slice(0, 7)));
    } finally {
      redis.disconnect();
    }
    expect(spentIn(await budgets('GET', 'budgets?project=recounted'))).toBe(0);
    // The recorder writes the usage after the job's end.
    await waitFor(async () => spentIn(await budgets('POST', 'budgets/recount?limit=100')) === cost, {
      describe: 'the usage on record',
    });
    expect((await hub.admin('POST', 'budgets/recount?state=x')).status).toBe(400);
  });

  it('of a project is for all its keys, and is lifted with its last rule', async () => {
    await hub.admin('PUT', 'projects/frugal', { body: { budget: { month_usd: 0 } } });
    const { secret } = await hub.newKey({ project: 'frugal', budget: { day_usd: 5 } });
    await hub.untilAll(secret, 200);
    expect(await made(secret)).toEqual(refusedBy('project/month'));
    const { body } = await hub.admin('PATCH', 'projects/frugal', { body: { budget: null }, api: 1 });
    expect(body.budget).toEqual({});
    expect(await untilMade(secret)).toBeLessThan(TOLERATED_MS);
  });
});

describe('projects', () => {
  it('own their jobs, and can be deleted when they have no more keys', async () => {
    const made = await hub.admin('POST', 'projects', { body: { id: 'team-a', name: 'Team A' } });
    expect([made.status, made.body]).toMatchObject([201, { object: 'project', id: 'team-a', declared: false }]);
    const { id, secret } = await hub.newKey({ project: 'team-a' });
    const { body: job } = await ask<Job>(`${hub.stack.url}/v1/jobs`, { body: chatJob(), headers: bearer(secret) });
    expect((await ask(`${hub.stack.url}/v1/jobs/${job.id}`, { headers: bearer(HOUSE_KEY) })).status).toBe(404);
    const refused = await hub.admin('DELETE', 'projects/team-a', { api: 1 });
    expect(refused).toMatchObject({ status: 409, body: { code: 'in_use' } });
    expect(refused.text).toContain(id);
    await hub.admin('DELETE', `keys/${id}`);
    expect((await hub.admin('DELETE', 'projects/team-a')).status).toBe(204);
    expect((await hub.admin('GET', 'projects/team-a')).body.code).toBe('project_not_found');
  });

  it('can be disabled, with all their keys', async () => {
    await hub.admin('PUT', 'projects/paused', { body: {} });
    const { secret } = await hub.newKey({ project: 'paused' });
    await hub.untilAll(secret, 200);
    await hub.admin('PATCH', 'projects/paused', { body: { disabled: true } });
    expect(await hub.untilAll(secret, 401)).toBeLessThan(TOLERATED_MS);
  });

  it('are made by PUT once and replaced by it afterwards, under the version that was read', async () => {
    const first = await hub.admin('PUT', 'projects/upsert', { body: { name: 'One', disabled: true } });
    const second = await hub.admin('PUT', 'projects/upsert', { body: { name: 'Two' } });
    expect([first.status, second.status, second.body.disabled]).toEqual([201, 200, false]);
    const stale = { 'if-match': first.headers.get('etag') ?? '' };
    const fresh = { 'if-match': second.headers.get('etag') ?? '' };
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const refused = await hub.admin(method, 'projects/upsert', {
        headers: stale,
        ...(method !== 'DELETE' && { body: { name: 'Three' } }),
      });
      expect(refused).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    }
    expect((await hub.admin('PATCH', 'projects/upsert', { headers: fresh, body: { name: 'Three' } })).status).toBe(200);
    const nothing = await hub.admin('PUT', 'projects/nothing', { headers: { 'if-match': '*' }, body: {} });
    expect(nothing.status).toBe(412);
  });
});

describe('secrets', () => {
  it('are in no log, no key of Redis and no row of the database', async () => {
    const logs = [...hub.stack.apis, ...hub.stack.workers].map(({ lines }) => lines.join('\n'));
    const kept = [await everythingIn(hub.stack.redis.url), await everythingInTheDatabase(), ...logs];
    expect(hub.shown.length).toBeGreaterThan(10);
    expect(kept.join('').length).toBeGreaterThan(10_000);
    for (const secret of [...hub.shown, HOUSE_KEY, ENVIRONMENT_KEY, ADMIN]) {
      const middle = secret.slice(8, -5);
      expect(kept.filter((text) => text.includes(middle)).map((text) => text.slice(0, 200))).toEqual([]);
    }
    const hash = createHash('sha256')
      .update(hub.shown[0] ?? '')
      .digest('hex');
    expect(kept.some((text) => text.includes(hash))).toBe(true);
  });
});

async function everythingInTheDatabase(): Promise<string> {
  const database = connectDatabase(hub.stack.database?.url ?? '', { name: 'test', onError: () => undefined });
  try {
    const rows = await Promise.all([
      sql`SELECT * FROM settings`.execute(database.db),
      sql`SELECT * FROM finished_jobs`.execute(database.db),
      sql`SELECT * FROM usage_attempts`.execute(database.db),
    ]);
    return JSON.stringify(rows);
  } finally {
    await database.close();
  }
}
