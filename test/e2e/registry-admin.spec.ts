import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startStack, type Stack } from '#testing/stack.js';
import { simulatorConfig } from '#testing/simulator-config.js';
import { waitFor } from '#testing/wait-for.js';
import { ADMIN_TOKEN, AdminCalls, type Answer } from './admin-calls.js';
import { BAD_DEFINITIONS, CANARY } from './bad-definitions.js';

let stack: Stack;
const admin = new AdminCalls(() => stack);

beforeAll(async () => {
  stack = await startStack({
    database: 'pglite',
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN, HERE: 'sk-here' },
    config: (url) => ({
      ...simulatorConfig(url),
      aliases: [{ id: 'declared-alias', members: [{ model: 'sim-small' }] }],
    }),
  });
}, 120_000);

afterAll(() => stack.stop());

afterEach(async () => {
  for (const list of ['aliases', 'models', 'providers']) {
    const { data } = (await admin.get(`${list}?limit=100`)).body as { data: { id: string; declared: boolean }[] };
    for (const { id, declared } of data) if (!declared) await admin.do('DELETE', `${list}/${encodeURIComponent(id)}`);
  }
});

const provider = (id: string, change: object = {}): object => ({
  ...{ id, type: 'openai', base_url: `${stack.simulatorUrl}/v1`, credential: { source: 'none' } },
  ...change,
});
const model = (id: string, change: object = {}): object => ({ id, provider: 'simulator', ...change });

const post = (list: string, body: unknown): Promise<Answer> => admin.do('POST', list, { body });

/** Status, code and field. */
const told = ({ status, body }: Answer): string => [status, body.code, body.param].filter(Boolean).join(' ');

describe('what is set', () => {
  it('is answered with 201, its place and its ETag, and read as it was set with every default', async () => {
    const made = await post('models', model('meta-llama/Llama-3:8b', { weight: 7, price: { input_per_1k: 0.5 } }));
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe('/admin/v1/models/meta-llama%2FLlama-3%3A8b');
    const read = await admin.get('models/meta-llama%2FLlama-3%3A8b');
    expect(read.headers.get('etag')).toMatch(/^"\d+"$/);
    expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
    expect(read.body).toMatchObject({
      ...{ object: 'model', id: 'meta-llama/Llama-3:8b', provider: 'simulator', weight: 7, enabled: true },
      ...{ upstream_model: 'meta-llama/Llama-3:8b', context_tokens: 128_000, max_output_tokens: 4_096 },
      price: { input_per_1k: 0.5, output_per_1k: 0, cached_input_per_1k: 0.5, cache_write_per_1k: 0.5 },
      ...{ kinds: ['chat', 'completion'], declared: false, warnings: [] },
    });
    expect((await admin.get('models/meta-llama/Llama-3:8b')).body.id).toBe('meta-llama/Llama-3:8b');
  });

  it('serves the very next request of the same API', async () => {
    await post('models', model('fresh', { upstream_model: 'sim-small' }));
    const answer = await fetch(`${stack.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'fresh', messages: [{ role: 'user', content: 'Say it.' }] }),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-tokenhub-model')).toBe('fresh');
  });

  it('as an alias is served at once: by the same member to the same key, when it is sticky by it', async () => {
    for (const id of ['left', 'right']) await post('models', model(id, { upstream_model: 'sim-small' }));
    const members = ['left', 'right'].map((id) => ({ model: id }));
    const drawn = async (alias: string): Promise<Set<string | null>> => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          fetch(`${stack.url}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model: alias, messages: [{ role: 'user', content: 'Say it.' }] }),
          }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      return new Set(answers.map(({ headers }) => headers.get('x-tokenhub-model')));
    };
    await post('aliases', { id: 'spread', members });
    await post('aliases', { id: 'stuck', members, sticky_by: 'key' });
    // One of twenty goes elsewhere with a probability of 1 - 2⁻¹⁹.
    expect((await drawn('spread')).size).toBe(2);
    expect((await drawn('stuck')).size).toBe(1);
  });

  it('can be sent back as it was read', async () => {
    for (const [list, definition] of [
      ['providers', provider('p', { limits: { rpm: 60 }, timeouts: { idle_ms: 7 } })],
      ['providers', { ...provider('v'), type: 'vllm', base_url: undefined, endpoints: ['http://a/v1', 'http://b/v1'] }],
      ['models', model('m', { limits: { concurrency: 2 } })],
      ['models', model('e', { kinds: ['embedding'] })],
      ['aliases', { id: 'a', members: [{ model: 'sim-small', weight: 2 }], sticky_by: 'key' }],
    ] as const) {
      const { body } = await post(list, definition);
      const again = await admin.do('PUT', `${list}/${String(body.id)}`, { body });
      expect(again.status).toBe(200);
      expect({ ...again.body, updated_at: body.updated_at }).toStrictEqual({
        ...body,
        ready: again.body.ready,
        warnings: again.body.warnings,
      });
    }
  });

  it('is listed with what is declared, page by page in the order of ids', async () => {
    for (const id of ['a-first', 'sim-middle', 'z-last']) await post('models', model(id));
    const ids: string[] = [];
    const pages: number[] = [];
    for (let after = '', more = true; more;) {
      const { body } = await admin.get(`models?limit=2${after}`);
      const data = body.data as { id: string }[];
      ids.push(...data.map(({ id }) => id));
      pages.push(data.length);
      expect([body.first_id, body.last_id]).toStrictEqual([data[0]?.id, data.at(-1)?.id]);
      after = `&after=${String(body.last_id)}`;
      more = body.has_more as boolean;
    }
    expect(ids).toStrictEqual(['a-first', 'sim-embedding', 'sim-large', 'sim-middle', 'sim-small', 'z-last']);
    expect(pages).toStrictEqual([2, 2, 2]);
  });

  it('changes by a merge patch: fields replace fields, null takes the default again', async () => {
    await post('models', model('m', { weight: 7, price: { input_per_1k: 1, output_per_1k: 2 } }));
    const { body } = await admin.do('PATCH', 'models/m', {
      body: { weight: null, price: { input_per_1k: 3 }, limits: { rpm: 5 } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    expect(body).toMatchObject({ weight: 5, price: { input_per_1k: 3, output_per_1k: 2 }, limits: { rpm: 5 } });
    expect((await admin.get('models/m')).body).toMatchObject({ weight: 5, limits: { rpm: 5 } });
  });

  it('goes with 204, and then is not there', async () => {
    await post('models', model('m'));
    expect((await admin.send('DELETE', 'models/m')).status).toBe(204);
    expect(await admin.get('models/m')).toMatchObject({ status: 404, body: { code: 'model_not_found' } });
    expect(await admin.send('DELETE', 'models/m')).toMatchObject({ status: 404 });
  });

  it('is ready once the workers can call it; one whose variable no worker has is not, and says why', async () => {
    await post('providers', provider('with', { credential: { source: 'env', name: 'HERE' } }));
    await post('providers', provider('without', { credential: { source: 'env', name: 'NOWHERE' } }));
    await post('models', { id: 'm', provider: 'without' });
    const state = async (path: string): Promise<unknown> => (await admin.get(path)).body.ready;
    await waitFor(async () => (await state('providers/with')) === true, { describe: 'the provider to be ready' });
    const { body } = await admin.get('providers/without');
    expect(body).toMatchObject({
      ready: false,
      warnings: ['No worker has the variable NOWHERE that should hold its secret.'],
    });
    expect(await state('models/m')).toBe(false);
    expect(await state('models/sim-small')).toBe(true);
    expect(await state('aliases/declared-alias')).toBe(true);
  });
});

describe('preconditions', () => {
  it('a change with the ETag of the version that is there is made, with an older one it is not', async () => {
    const made = await post('models', model('m'));
    const old = { 'if-match': made.headers.get('etag') ?? '' };
    const changed = await admin.do('PATCH', 'models/m', { body: { weight: 1 }, headers: old });
    expect(changed.headers.get('etag')).not.toBe(old['if-match']);
    for (const [method, body] of [
      ['PATCH', { weight: 2 }],
      ['PUT', model('m', { weight: 2 })],
      ['DELETE', undefined],
    ] as const) {
      const refused = await admin.send(method, 'models/m', { body, headers: old });
      expect(refused).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    }
    expect((await admin.get('models/m')).body.weight).toBe(1);
    const etag = changed.headers.get('etag') ?? '';
    await admin.do('DELETE', 'models/m', { headers: { 'if-match': etag } });
  });

  it('of two changes from one version, made at once, one is made', async () => {
    const made = await post('models', model('m'));
    const headers = { 'if-match': made.headers.get('etag') ?? '' };
    const answers = await Promise.all(
      [1, 2, 3, 4].map((weight) => admin.send('PATCH', 'models/m', { body: { weight }, headers })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toStrictEqual([200, 412, 412, 412]);
  });

  it('of many that make one id at once, one does', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => admin.send('POST', 'models', { body: model('m') })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toStrictEqual([201, ...Array<number>(7).fill(409)]);
  });

  it('PUT makes what is not there with 201, and with If-None-Match: * nothing else', async () => {
    const headers = { 'if-none-match': '*' };
    expect((await admin.send('PUT', 'models/m', { body: { provider: 'simulator' }, headers })).status).toBe(201);
    const refused = await admin.send('PUT', 'models/m', { body: model('m', { weight: 9 }), headers });
    expect(refused).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    expect((await admin.send('PUT', 'models/m', { body: model('m', { weight: 9 }) })).status).toBe(200);
    const absent = await admin.send('PUT', 'models/n', { body: model('n'), headers: { 'if-match': '"1"' } });
    expect(absent.status).toBe(412);
  });
});

describe('what the configuration declares', () => {
  it('is marked, has no ETag, and cannot be changed here', async () => {
    const { body, headers } = await admin.get('models/sim-small');
    expect(body).toMatchObject({ id: 'sim-small', declared: true, weight: 4, created_at: null });
    expect(headers.get('etag')).toBeNull();
    for (const [method, path] of [
      ['PATCH', 'models/sim-small'],
      ['PUT', 'models/sim-small'],
      ['DELETE', 'models/sim-small'],
      ['POST', 'models'],
      ['PATCH', 'providers/simulator'],
      ['DELETE', 'aliases/declared-alias'],
    ] as const) {
      const sent = method === 'DELETE' ? undefined : { id: path.split('/')[1] ?? 'sim-small' };
      expect(await admin.send(method, path, { body: sent })).toMatchObject({ status: 409, body: { code: 'declared' } });
    }
  });
});

describe('what is referred to', () => {
  it('is not removed, and the answer names what refers to it', async () => {
    await post('providers', provider('p'));
    await post('models', { id: 'm', provider: 'p' });
    await post('aliases', { id: 'a', members: [{ model: 'm' }] });
    expect(await admin.send('DELETE', 'providers/p')).toMatchObject({
      status: 409,
      body: { code: 'in_use', used_by: [{ kind: 'model', id: 'm' }] },
    });
    expect(await admin.send('DELETE', 'models/m')).toMatchObject({
      status: 409,
      body: { code: 'in_use', used_by: [{ kind: 'alias', id: 'a' }] },
    });
    for (const path of ['aliases/a', 'models/m', 'providers/p']) await admin.do('DELETE', path);
  });
});

describe('bad input is refused by name, and nothing is written', () => {
  it.each(BAD_DEFINITIONS)('%s', async (_case, list, body, expected) => {
    const before = (await admin.get(`${list}?limit=100`)).body.data;
    const refused = await admin.send('POST', list, { body });
    expect(told(refused)).toBe(expected);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(JSON.stringify(refused.body)).not.toContain(CANARY);
    const ids = (data: unknown): unknown[] => (data as { id: string }[]).map(({ id }) => id);
    expect(ids((await admin.get(`${list}?limit=100`)).body.data)).toStrictEqual(ids(before));
  });

  it.each<[string, string, string, object | undefined, string]>([
    ['an id twice', 'POST', 'models', { id: 'taken', provider: 'simulator' }, '409 already_exists id'],
    [
      'another id than the path’s',
      'PUT',
      'models/taken',
      { id: 'other', provider: 'simulator' },
      '400 invalid_value id',
    ],
    ['a change of the id', 'PATCH', 'models/taken', { id: 'other' }, '400 invalid_value id'],
    [
      'a patch that takes away what is required',
      'PATCH',
      'models/taken',
      { provider: null },
      '400 missing_required_parameter provider',
    ],
    ['a patch of an unknown field', 'PATCH', 'models/taken', { wieght: 1 }, '400 unknown_parameter wieght'],
    ['a patch that dangles', 'PATCH', 'models/taken', { provider: 'nobody' }, '400 unknown_reference provider'],
    [
      'a patch to a negative input_per_1k',
      'PATCH',
      'models/taken',
      { price: { input_per_1k: -1 } },
      '400 invalid_value price.input_per_1k',
    ],
    [
      'a patch to a negative output_per_1k',
      'PATCH',
      'models/taken',
      { price: { output_per_1k: -1 } },
      '400 invalid_value price.output_per_1k',
    ],
    [
      'a patch to a negative cached_input_per_1k',
      'PATCH',
      'models/taken',
      { price: { cached_input_per_1k: -1 } },
      '400 invalid_value price.cached_input_per_1k',
    ],
    [
      'a patch to a negative cache_write_per_1k',
      'PATCH',
      'models/taken',
      { price: { cache_write_per_1k: -1 } },
      '400 invalid_value price.cache_write_per_1k',
    ],
    ['a patch of nothing', 'PATCH', 'models/none', { weight: 1 }, '404 model_not_found'],
    ['a page after an id with NUL', 'GET', 'models?after=%00', undefined, '400 invalid_value after'],
    ['an odd id in the path', 'GET', 'models/%00', undefined, '404 model_not_found'],
    ['an odd id to put', 'PUT', 'models/a%20b', { provider: 'simulator' }, '400 invalid_value id'],
    ['a provider that is not there', 'GET', 'providers/none', undefined, '404 provider_not_found'],
    ['an alias that is not there', 'DELETE', 'aliases/none', undefined, '404 alias_not_found'],
    ['a list of an unknown field', 'GET', 'models?state=x', undefined, '400 unknown_parameter state'],
    ['a page of nothing', 'GET', 'models?limit=0', undefined, '400 invalid_value limit'],
  ])('%s', async (_case, method, path, body, expected) => {
    const { body: before } = await post('models', model('taken', { weight: 3 }));
    const refused = await admin.send(method, path, { body });
    expect(told(refused)).toBe(expected);
    const { body: after } = await admin.get('models/taken');
    expect({ ...after, ready: null }).toStrictEqual({ ...before, ready: null });
  });

  it('a patch to endpoints with credentials', async () => {
    const endpoints = ['http://a/v1', 'http://b/v1'];
    await post('providers', { ...provider('v'), type: 'vllm', base_url: undefined, endpoints });
    const refused = await admin.send('PATCH', 'providers/v', { body: { endpoints: [`http://u:${CANARY}@h/v1`] } });
    expect(told(refused)).toBe('400 invalid_value endpoints[0]');
    expect(JSON.stringify(refused.body)).not.toContain(CANARY);
    expect((await admin.get('providers/v')).body.endpoints).toEqual(endpoints);
  });

  it('without the admin token', async () => {
    const refused = await admin.send('GET', 'models', { headers: { authorization: 'Bearer th_wrong' } });
    expect(refused).toMatchObject({ status: 401, body: { code: 'admin_token_required' } });
  });
});
