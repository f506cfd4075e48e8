import { execFile } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { temporaryFolder } from '#testing/reaper.js';
import { startRedis } from '#testing/redis-harness.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { type Answer, ask, chatJob, type Job, type Json, read } from './doors.js';
import { TENANCY, type Attempt, type Known } from './tenancy-table.js';

const SCOPES = ['jobs', 'chat', 'embeddings', 'batches', 'models'];
const ADMIN_TOKEN = 'an-administrators-token';

/** In what the project `alpha` asked, was answered and keeps: no answer to anybody else may hold it. */
const CANARIES = { prompt: 'canary-prompt-51c0', answer: 'canary-answer-7be2', note: 'canary-note-a90d' };
const ALIAS = 'alpha-alias';

const secretOf = (project: string, id: string): string => `th_${project}_${id}_0123456789abcdef`;
const ALPHA = secretOf('alpha', 'all');
const BETA = secretOf('beta', 'all');
const bearer = (secret: string): Record<string, string> => ({ authorization: `Bearer ${secret}` });

function keyOf(project: string, id: string, more: Json = {}): Json {
  return { id: `${project}-${id}`, sha256: hash('sha256', secretOf(project, id)), scopes: SCOPES, ...more };
}

function twoProjects(simulatorUrl: string): StackConfig {
  return {
    ...simulatorConfig(simulatorUrl),
    aliases: [{ id: ALIAS, members: [{ model: 'sim-large' }] }],
    projects: [
      {
        id: 'alpha',
        keys: [
          keyOf('alpha', 'all'),
          keyOf('alpha', 'disabled', { disabled: true }),
          keyOf('alpha', 'expired', { expires_at: '2020-01-01T00:00:00Z' }),
          ...SCOPES.map((scope) => keyOf('alpha', `only-${scope}`, { scopes: [scope] })),
        ],
      },
      { id: 'beta', keys: [keyOf('beta', 'all', { allowed_models: ['sim-small', 'sim-embedding'] })] },
    ],
  };
}

/** The route's path with something in the place of its id. */
function pathOf(route: string, known: Known): string {
  const path = route.slice(route.indexOf(' ') + 1);
  const id = path.startsWith('/v1/webhook-endpoints') ? known.endpoint : known.finished;
  return path.replace('{id}', path.startsWith('/admin') ? 'sim-small' : id).replace('{deliveryId}', known.delivery);
}
const methodOf = (route: string): string => route.slice(0, route.indexOf(' '));

describe('the routes', () => {
  it('of the document, of the server and of the table are the same', async () => {
    const redis = await startRedis({ appendfsync: 'no' });
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [join(import.meta.dirname, 'print-routes.mjs'), ...MOUNTS],
        {
          cwd: repositoryRoot(),
          env: {
            ...{ PATH: process.env.PATH, NODE_ENV: 'production', TOKENHUB_AUTH: 'off', REDIS_URL: redis.url },
            ...{ TOKENHUB_STATE_DIR: temporaryFolder('routes'), TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN },
          },
        },
      );
      const { routes, mounts } = JSON.parse(stdout) as { routes: string[]; mounts: string[] };
      const served = routes.filter((route) => !/^[A-Z]+ \/docs\b/.test(route));
      expect(served).toEqual(Object.keys(TENANCY).toSorted());
      expect(mounts.filter((mount) => !MOUNTS.includes(mount))).toEqual([]);
    } finally {
      await redis.stop();
    }
  }, 120_000);
});

/** What is served beside the document: its own pages, and the Bull Board, which is tried below. */
const MOUNTS = ['/docs', '/admin/queues', '/admin'];

describe('of two projects', () => {
  let stack: Stack;
  let known: Known;
  /** The other project's jobs, as it sees them before anybody has tried anything. */
  let before: Json[];

  const send = (
    route: string,
    { path, body, headers }: { path: string; body?: Json; headers: Record<string, string> },
  ) =>
    ask(`${stack.url}${path}`, {
      method: methodOf(route),
      headers,
      ...(methodOf(route) !== 'GET' && { body: body ?? {} }),
    });
  const alphasJobs = async (): Promise<Json[]> => {
    const ids = [known.finished, known.queued, known.failed];
    const jobs = await Promise.all(ids.map((id) => ask<Job>(`${stack.url}/v1/jobs/${id}`, { headers: bearer(ALPHA) })));
    return jobs.map(({ body: { id, state, result, metadata, attempts } }) => ({
      id,
      state,
      result,
      metadata,
      attempts,
    }));
  };

  const asAlpha = <T extends Json>(path: string, body?: Json): Promise<Answer<T>> =>
    ask<T>(`${stack.url}${path}`, { headers: bearer(ALPHA), ...(body && { body }) });
  const makeEndpoint = async (): Promise<string> => {
    const init = await ask(`${stack.url}/admin/v1/vault/init`, { body: { mode: 'env' }, headers: bearer(ADMIN_TOKEN) });
    expect([init.status, init.body.code]).toEqual([201, undefined]);
    // Nobody listens there: what is sent is tried again and again.
    const endpoint = { url: 'http://127.0.0.1:9/', description: CANARIES.note };
    const made = await asAlpha<{ id: string }>('/v1/webhook-endpoints', endpoint);
    expect(made.status).toBe(201);
    return made.body.id;
  };
  const firstDelivery = (endpoint: string): Promise<string> =>
    waitFor(
      async () => {
        const path = `/v1/webhook-endpoints/${endpoint}/deliveries`;
        return (await asAlpha<{ data: { id: string }[] }>(path)).body.data[0]?.id;
      },
      { describe: 'a delivery' },
    );

  beforeAll(async () => {
    stack = await startStack({
      ...{ auth: 'on', appendfsync: 'no', database: 'postgres', config: twoProjects },
      env: {
        TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN,
        TOKENHUB_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
        TOKENHUB_CLUSTER_SECRET: randomBytes(32).toString('base64'),
        TOKENHUB_WEBHOOK_ALLOW: '127.0.0.1',
      },
    });
    const endpoint = await makeEndpoint();
    const body = (more: Json): Json =>
      chatJob(
        {
          ...{ metadata: { note: CANARIES.note }, ...more },
          request: { model: 'sim-small', messages: [{ role: 'user', content: CANARIES.prompt }] },
        },
        { text: CANARIES.answer },
      );
    const make = async (more: Json, headers: Record<string, string> = {}): Promise<Job> => {
      const answer = await ask<Job>(`${stack.url}/v1/jobs`, {
        body: body(more),
        headers: { ...bearer(ALPHA), ...headers },
      });
      if (answer.status > 202) throw new Error(answer.text);
      return answer.body;
    };
    const idempotencyKey = 'the-nightly-run';
    const finished = await make({}, { prefer: 'wait=30', 'idempotency-key': idempotencyKey });
    const queued = await make({ not_before: new Date(Date.now() + 3_600_000).toISOString() });
    const failed = await make({ timeout_ms: 1 });
    known = {
      ...{ finished: finished.id, queued: queued.id, failed: failed.id, idempotencyKey },
      ...{ key: 'alpha-all', alias: ALIAS, canary: CANARIES.note, endpoint, delivery: await firstDelivery(endpoint) },
    };
    await waitFor(async () => (await read(stack.url, failed.id, bearer(ALPHA))).state === 'expired', {
      describe: 'the job that expires',
    });
    before = await alphasJobs();
    expect(JSON.stringify(before)).toContain(CANARIES.answer);
  }, 180_000);

  afterAll(() => stack.stop());

  const reveals = ({ text, headers }: Answer): string[] => {
    const all = `${text}\n${JSON.stringify([...headers])}`;
    return Object.values(CANARIES).filter((canary) => all.includes(canary));
  };

  it('the document names exactly the routes of the table', async () => {
    const { body } = await ask<{ paths: Record<string, Json> }>(`${stack.url}/docs/openapi.json`);
    const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.toSorted()).toEqual(Object.keys(TENANCY).toSorted());
  });

  const keyRoutes = Object.entries(TENANCY).flatMap(([route, door]) =>
    door.door === 'key' ? [{ route, ...door }] : [],
  );
  const adminRoutes = Object.keys(TENANCY).filter((route) => TENANCY[route]?.door === 'admin');

  describe.each(keyRoutes)('$route', ({ route, scope, foreign }) => {
    const refused: [string, Record<string, string>, number, string][] = [
      ['no key', {}, 401, 'missing_api_key'],
      ['an unknown key', bearer(secretOf('alpha', 'nobody')), 401, 'invalid_api_key'],
      ['a disabled key', bearer(secretOf('alpha', 'disabled')), 401, 'invalid_api_key'],
      ['an expired key', { 'x-api-key': secretOf('alpha', 'expired') }, 401, 'invalid_api_key'],
      ['the administrator’s token', bearer(ADMIN_TOKEN), 401, 'invalid_api_key'],
      ...SCOPES.filter((other) => other !== scope).map((other): [string, Record<string, string>, number, string] => [
        ...([`a key of the project with scope ${other}`, bearer(secretOf('alpha', `only-${other}`))] as const),
        ...([403, 'scope_missing'] as const),
      ]),
    ];

    it.each(refused)('refuses %s', async (_who, headers, status, code) => {
      const answer = await send(route, { path: pathOf(route, known), headers });
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
      expect(reveals(answer)).toEqual([]);
    });

    it.each(foreign.map((attempt): [string, Attempt] => [attempt.name, attempt]))(
      'tells another project nothing of %s',
      async (_name, { path, body, headers, status }) => {
        const answer = await send(route, {
          path: path?.(known) ?? pathOf(route, known),
          ...(body && { body: body(known) }),
          headers: { ...bearer(BETA), ...headers?.(known) },
        });
        expect(status).toContain(answer.status);
        expect(reveals(answer)).toEqual([]);
        expect(answer.headers.get('idempotent-replayed')).toBeNull();
        expect(Object.values(known)).not.toContain(answer.headers.get('x-tokenhub-job-id') ?? answer.body.id ?? null);
      },
    );
  });

  describe.each(adminRoutes)('%s', (route) => {
    it.each<[string, () => Record<string, string>]>([
      ['no token', () => ({})],
      ['a project’s key', () => bearer(ALPHA)],
      ['a project’s key as x-api-key', () => ({ 'x-api-key': ALPHA })],
      ['a project’s key as a password', () => ({ authorization: `Basic ${btoa(`admin:${ALPHA}`)}` })],
      ['a disabled key', () => bearer(secretOf('alpha', 'disabled'))],
      ['a wrong token', () => bearer(`${ADMIN_TOKEN}x`)],
      ['half a token', () => bearer(ADMIN_TOKEN.slice(0, -1))],
    ])('refuses %s', async (_who, headers) => {
      const answer = await send(route, { path: pathOf(route, known), headers: headers() });
      expect([answer.status, answer.body.code]).toEqual([401, 'admin_token_required']);
      expect(reveals(answer)).toEqual([]);
    });
  });

  it('what is another’s is answered as what does not exist: only the id differs', async () => {
    const never = `job_${'0'.repeat(32)}`;
    const routes = keyRoutes.filter(({ route }) => route.includes('/v1/jobs/{id}')).map(({ route }) => route);
    for (const route of routes) {
      const [theirs, nobodys] = await Promise.all(
        [known.finished, never].map(async (id) => {
          const answer = await send(route, { path: pathOf(route, { ...known, finished: id }), headers: bearer(BETA) });
          return answer.text.replaceAll(id, 'ID').replaceAll(/req_\w+/g, 'REQ');
        }),
      );
      expect(theirs).toBe(nobodys);
    }
  });

  it('a list has nothing of the other project, whatever it is asked', async () => {
    for (const query of ['', `?after=${known.queued}`, '?key=alpha-all', '?state=completed&limit=100', '?type=chat']) {
      const { status, body } = await ask(`${stack.url}/v1/jobs${query}`, { headers: bearer(BETA) });
      expect(status).toBe(200);
      expect((body.data as Job[]).filter(({ id }) => Object.values(known).includes(id))).toEqual([]);
    }
    const { text } = await ask(`${stack.url}/v1/models`, { headers: bearer(BETA) });
    expect(text).not.toContain(ALIAS);
  });

  it('a HEAD is let in by the same door as its GET', async () => {
    for (const route of [...keyRoutes.map((one) => one.route), ...adminRoutes].filter(
      (one) => methodOf(one) === 'GET',
    )) {
      const response = await fetch(`${stack.url}${pathOf(route, known)}`, { method: 'HEAD' });
      expect([route, response.status]).toEqual([route, 401]);
    }
  });

  it('the Bull Board and what it loads are behind the administrator’s door', async () => {
    for (const path of ['', '/', '/api/queues', '/queue/simulator', '/static/js/main.js']) {
      const answer = await ask(`${stack.url}/admin/queues${path}`, { headers: bearer(ALPHA) });
      expect([path, answer.status]).toEqual([path, 401]);
      expect(reveals(answer)).toEqual([]);
    }
  });

  it('after all that the other project has what it had', async () => {
    expect(await alphasJobs()).toEqual(before);
  });
});

/** In either dialect. */
function codeOf({ body }: Answer): unknown {
  return (body.error as { code?: unknown } | undefined)?.code ?? body.code;
}
