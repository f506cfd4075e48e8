import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '#testing/wait-for.js';
import { ask, type Json } from './doors.js';
import { ADMIN, bearer, ENVIRONMENT_KEY, FORM, KeysStack, type Key } from './keys-stack.js';
import { chatBody } from './openai-stack.js';

/* How projects and keys are written and listed, and what is refused. */

let hub: KeysStack;

beforeAll(async () => {
  hub = await KeysStack.start();
  await hub.newKey({ id: 'first', name: 'First' });
  await hub.admin('PUT', 'projects/thrifty', { body: {} });
}, 90_000);

afterAll(() => hub.stop());

describe('keys by PUT', () => {
  it('are made with a secret, and replaced without another', async () => {
    const body = { project: 'house', scopes: ['jobs'], name: 'By PUT' };
    const made = await hub.admin('PUT', 'keys/put', { body });
    expect([made.status, made.body.secret]).toEqual([201, expect.stringMatching(FORM)]);
    const replaced = await hub.admin('PUT', 'keys/put', { body: { ...body, name: null, share: 3 }, api: 1 });
    expect([replaced.status, replaced.body.secret, replaced.body.name, replaced.body.share]).toEqual([
      ...[200, undefined, null, 3],
    ]);
    await hub.untilAll(made.body.secret, 200);
    const stale = { 'if-match': made.headers.get('etag') ?? '' };
    for (const [method, path] of [
      ['PUT', 'keys/put'],
      ['PATCH', 'keys/put'],
      ['POST', 'keys/put/rotate'],
      ['DELETE', 'keys/put'],
    ] as const) {
      const refused = await hub.admin(method, path, {
        headers: stale,
        ...(method === 'PUT' ? { body } : { body: {} }),
      });
      expect(refused).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    }
    const moved = await hub.admin('PUT', 'keys/put', { body: { ...body, project: 'default' } });
    expect(moved).toMatchObject({ status: 400, body: { param: 'project' } });
  });

  it('are made only once with If-None-Match: *', async () => {
    const ask = () =>
      hub.admin('PUT', 'keys/once', {
        body: { project: 'house', scopes: ['jobs'] },
        headers: { 'if-none-match': '*' },
      });
    expect((await ask()).status).toBe(201);
    expect(await ask()).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
  });

  it('are patched field by field, into limits and policy; null takes the default', async () => {
    const { id } = await hub.newKey({ limits: { rpm: 5, rpd: 50 }, policy: { mode: 'cheap' }, name: 'N' });
    const patch = async (body: Json): Promise<Key> => (await hub.admin('PATCH', `keys/${id}`, { body })).body;
    expect(await patch({ limits: { rpm: null, tpm: 9 }, policy: { strict: true } })).toMatchObject({
      ...{ limits: { rpd: 50, tpm: 9 }, policy: { mode: 'cheap', strict: true }, name: 'N' },
    });
    const plain = await patch({ limits: null, policy: null, name: null, share: null, allowed_models: null });
    expect(plain).toMatchObject({ limits: {}, policy: {}, name: null, share: 1, scopes: ['jobs', 'chat', 'models'] });
  });

  it('changed by many at once, no change is lost', async () => {
    const { id } = await hub.newKey();
    const changes: Json[] = [{ name: 'N' }, { share: 7 }, { limits: { rpm: 5 } }, { policy: { strict: true } }];
    const answers = await Promise.all(changes.map((body, i) => hub.admin('PATCH', `keys/${id}`, { body, api: i % 2 })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await hub.admin('GET', `keys/${id}`)).body).toMatchObject(Object.assign({}, ...changes) as Json);
  });
});

describe('a policy that names models', () => {
  it('keeps within the allowed ones, whichever of the two is changed', async () => {
    const policy = { models: ['sim-tiny'] };
    const { id } = await hub.newKey({ allowed_models: ['sim-tiny', 'sim-small'], policy });
    const patch = (path: string, body: Json) => hub.admin('PATCH', path, { body });
    const refused = { status: 400, body: { code: 'unknown_reference', param: 'policy.models' } };
    expect(await patch(`keys/${id}`, { allowed_models: ['sim-small'] })).toMatchObject(refused);
    expect(await patch(`keys/${id}`, { policy: { models: ['sim-large'] } })).toMatchObject(refused);
    expect((await patch(`keys/${id}`, { allowed_models: ['sim-small'], policy: null })).status).toBe(200);
    await hub.admin('PUT', 'projects/bounded', { body: { allowed_models: ['sim-tiny'], policy } });
    expect(await patch('projects/bounded', { allowed_models: ['sim-small'] })).toMatchObject(refused);
    expect((await patch('projects/bounded', { name: 'Bounded' })).status).toBe(200);
  });

  it('keeps them from being deleted', async () => {
    const made = await hub.admin('POST', 'models', { body: { id: 'named', provider: 'near' } });
    expect(made.status).toBe(201);
    await hub.admin('PUT', 'projects/namer', { body: { policy: { models: ['named'] } } });
    const { id } = await hub.newKey({ policy: { models: ['named'] } });
    const deleted = () => hub.admin<Json>('DELETE', 'models/named');
    const users = [
      { kind: 'key', id },
      { kind: 'project', id: 'namer' },
    ];
    expect(await deleted()).toMatchObject({ status: 409, body: { code: 'in_use', used_by: users } });
    await hub.admin('PATCH', `keys/${id}`, { body: { policy: null } });
    await hub.admin('DELETE', 'projects/namer');
    expect((await deleted()).status).toBe(204);
  });
});

describe('lists', () => {
  it('have declared and made ones, in order, page by page', async () => {
    const seen: Key[] = [];
    for (let after = ''; ;) {
      const path = `keys?limit=3&project=house${after && `&after=${after}`}`;
      const { body } = await hub.admin<{ data: Key[]; last_id: string; has_more: boolean }>('GET', path);
      seen.push(...body.data);
      if (!body.has_more) break;
      after = body.last_id;
    }
    const ids = seen.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(seen.find(({ id }) => id === 'declared')).toMatchObject({
      ...{
        declared: true,
        hint: null,
        secrets: [],
        policy: { max_attempts: 2 },
        allowed_models: ['smart', 'sim-tiny'],
      },
    });
    expect(seen.find(({ id }) => id === 'first')).toMatchObject({ declared: false, name: 'First' });
    expect(seen.every((key) => !('secret' in key))).toBe(true);
    const { body } = await hub.admin<{ data: Key[] }>('GET', 'projects');
    expect(body.data.filter(({ declared }) => declared).map(({ id }) => id)).toEqual(['default', 'house']);
    expect((await hub.admin('GET', 'keys/env')).body).toMatchObject({ project: 'default', declared: true });
  });
});

describe('bad input', () => {
  const good = { project: 'house', scopes: ['jobs'] };
  it.each<[string, Json, string, string]>([
    ['an unknown scope', { ...good, scopes: ['admin'] }, 'invalid_value', 'scopes'],
    ['no scope', { ...good, scopes: [] }, 'invalid_value', 'scopes'],
    ['a scope twice', { ...good, scopes: ['jobs', 'jobs'] }, 'invalid_value', 'scopes'],
    ['missing scopes', { project: 'house' }, 'missing_required_parameter', 'scopes'],
    ['a missing project', { scopes: ['jobs'] }, 'missing_required_parameter', 'project'],
    ['an unknown project', { ...good, project: 'nobody' }, 'unknown_reference', 'project'],
    ['an expiry in the past', { ...good, expires_at: '2020-01-01T00:00:00Z' }, 'invalid_value', 'expires_at'],
    ['an expiry that is no time', { ...good, expires_at: 'soon' }, 'invalid_value', 'expires_at'],
    ['an expiry without a zone', { ...good, expires_at: '2027-01-01T00:00:00' }, 'invalid_value', 'expires_at'],
    ['an expiry in a week', { ...good, expires_at: '2027-W01-1' }, 'invalid_value', 'expires_at'],
    ['an expiry on a day that is not', { ...good, expires_at: '2027-02-30T00:00:00Z' }, 'invalid_value', 'expires_at'],
    [
      'an unknown allowed model',
      { ...good, allowed_models: ['sim-small', 'gpt-9'] },
      'unknown_reference',
      'allowed_models',
    ],
    [
      'an allowed model twice',
      { ...good, allowed_models: ['sim-small', 'sim-small'] },
      'invalid_value',
      'allowed_models',
    ],
    [
      'too many models',
      { ...good, allowed_models: Array.from({ length: 201 }, (_, i) => `m${i}`) },
      'invalid_value',
      'allowed_models',
    ],
    ['a policy of an alias', { ...good, policy: { models: ['smart'] } }, 'unknown_reference', 'policy.models'],
    [
      'a policy of a model that it may not use',
      { ...good, allowed_models: ['sim-tiny'], policy: { models: ['sim-small'] } },
      'unknown_reference',
      'policy.models',
    ],
    ['a policy out of bounds', { ...good, policy: { max_attempts: 21 } }, 'invalid_value', 'policy.max_attempts'],
    ['an unknown field of a policy', { ...good, policy: { mod: 'cheap' } }, 'unknown_parameter', 'policy.mod'],
    ['a negative limit', { ...good, limits: { rpm: -1 } }, 'invalid_value', 'limits.rpm'],
    ['a limit of zero', { ...good, limits: { concurrency: 0 } }, 'invalid_value', 'limits.concurrency'],
    ['half a request', { ...good, limits: { rpm: 0.5 } }, 'invalid_type', 'limits.rpm'],
    ['an unknown limit', { ...good, limits: { rph: 1 } }, 'unknown_parameter', 'limits.rph'],
    ['a share of zero', { ...good, share: 0 }, 'invalid_value', 'share'],
    ['a share that is a text', { ...good, share: '2' }, 'invalid_type', 'share'],
    ['a negative budget', { ...good, budget: { day_usd: -0.01 } }, 'invalid_value', 'budget.day_usd'],
    ['a budget beyond all', { ...good, budget: { month_usd: 1_000_001 } }, 'invalid_value', 'budget.month_usd'],
    ['a budget that is a text', { ...good, budget: { day_usd: '5' } }, 'invalid_type', 'budget.day_usd'],
    ['a budget of a year', { ...good, budget: { year_usd: 5 } }, 'unknown_parameter', 'budget.year_usd'],
    ['a budget that is a number', { ...good, budget: 5 }, 'invalid_type', 'budget'],
    ['an unknown field', { ...good, colour: 1 }, 'unknown_parameter', 'colour'],
    ['a secret of its own', { ...good, secret: 'th_mine' }, 'unknown_parameter', 'secret'],
    ['a hash of its own', { ...good, sha256: 'a'.repeat(64) }, 'unknown_parameter', 'sha256'],
    ['a name of nothing', { ...good, name: '' }, 'invalid_value', 'name'],
    ['an oversize name', { ...good, name: 'x'.repeat(201) }, 'invalid_value', 'name'],
    ['an id with a slash', { ...good, id: 'a/b' }, 'invalid_value', 'id'],
    ['an oversize id', { ...good, id: 'x'.repeat(65) }, 'invalid_value', 'id'],
    [
      'a prototype',
      JSON.parse('{"project":"house","scopes":["jobs"],"__proto__":{}}') as Json,
      'unknown_parameter',
      '__proto__',
    ],
  ])('%s makes no key', async (_case, body, code, param) => {
    const { status, body: answer } = await hub.admin('POST', 'keys', { body });
    expect([status, answer.code, answer.param]).toEqual([400, code, param]);
  });

  it.each<[string, string, string, unknown, [number, string]]>([
    ['a duplicate id', 'POST', 'keys', { ...good, id: 'first' }, [409, 'already_exists']],
    ['a declared id', 'POST', 'keys', { ...good, id: 'declared' }, [409, 'declared']],
    ['the environment’s id', 'PUT', 'keys/env', good, [409, 'declared']],
    ['a change of a declared key', 'PATCH', 'keys/declared', { disabled: true }, [409, 'declared']],
    ['a rotation of a declared key', 'POST', 'keys/declared/rotate', {}, [409, 'declared']],
    ['the end of a declared key', 'DELETE', 'keys/declared', undefined, [409, 'declared']],
    ['a declared project', 'PUT', 'projects/house', {}, [409, 'declared']],
    ['the project that is always there', 'DELETE', 'projects/default', undefined, [409, 'declared']],
    ['a duplicate project', 'POST', 'projects', { id: 'thrifty' }, [409, 'already_exists']],
    ['a project without an id', 'POST', 'projects', {}, [400, 'missing_required_parameter']],
    ['a project with keys in it', 'POST', 'projects', { id: 'x', keys: [] }, [400, 'unknown_parameter']],
    ['a project of unknown models', 'PUT', 'projects/x', { allowed_models: ['gpt-9'] }, [400, 'unknown_reference']],
    ['an id that is none', 'PUT', 'projects/.x', {}, [400, 'invalid_value']],
    ['an unknown key', 'PATCH', 'keys/nobody', { share: 1 }, [404, 'key_not_found']],
    ['a rotation of nobody', 'POST', 'keys/nobody/rotate', undefined, [404, 'key_not_found']],
    ['an unknown project', 'DELETE', 'projects/nobody', undefined, [404, 'project_not_found']],
    ['a negative overlap', 'POST', 'keys/first/rotate', { overlap_seconds: -1 }, [400, 'invalid_value']],
    ['an overlap without end', 'POST', 'keys/first/rotate', { overlap_seconds: 1e9 }, [400, 'invalid_value']],
    ['scopes of nothing', 'PATCH', 'keys/first', { scopes: null }, [400, 'invalid_type']],
    ['another project', 'PATCH', 'keys/first', { project: 'default' }, [400, 'unknown_parameter']],
    ['no object', 'PATCH', 'keys/first', [], [400, 'invalid_type']],
    ['an unknown filter', 'GET', 'keys?state=x', undefined, [400, 'unknown_parameter']],
    ['a page of nothing', 'GET', 'projects?limit=0', undefined, [400, 'invalid_value']],
  ])('%s is refused', async (_case, method, path, body, expected) => {
    const answer = await hub.admin(method, path, { body });
    expect([answer.status, answer.body.code]).toEqual(expected);
  });

  it.each(['keys', 'keys/first', 'projects', 'projects/house'])('%s is the administrator’s alone', async (path) => {
    for (const headers of [{}, bearer(ENVIRONMENT_KEY), bearer(`${ADMIN}x`)]) {
      expect((await ask(`${hub.stack.url}/admin/v1/${path}`, { headers })).status).toBe(401);
    }
  });
});

describe('with the database away', () => {
  it('keys work as they are, and no change or read of them is answered as if it were there', async () => {
    const { id, secret } = await hub.newKey();
    await hub.untilAll(secret, 200);
    await hub.stack.database?.kill();
    try {
      for (const [method, path, body] of [
        ['PATCH', `keys/${id}`, { disabled: true }],
        ['POST', `keys/${id}/rotate`, {}],
        ['POST', 'keys', { project: 'house', scopes: ['jobs'] }],
        ['DELETE', `keys/${id}`, undefined],
        ['PUT', 'projects/away', {}],
        ['GET', `keys/${id}`, undefined],
        ['GET', 'projects', undefined],
      ] as const) {
        const refused = await hub.admin(method, path, { body });
        expect([method, path, refused.status, refused.body.code]).toEqual([method, path, 503, 'store_unavailable']);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      for (const api of [0, 1]) {
        const answer = await hub.client(secret, api).chat.completions.create(chatBody());
        expect(answer.choices).toHaveLength(1);
      }
    } finally {
      await hub.stack.database?.restart();
    }
    await waitFor(async () => (await hub.admin('PATCH', `keys/${id}`, { body: { disabled: true } })).status === 200, {
      describe: 'the database to be back',
    });
    await hub.untilAll(secret, 401);
  }, 120_000);
});
