import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { temporaryFolder } from '#testing/reaper.js';
import { type Stack, startStack } from '#testing/stack.js';
import { type Answer, ask, chatJob, footprint, type Job, type Json, post } from './doors.js';

const BOARD = '/admin/queues';
const PROMPT = 'canary-prompt-1b7e';
const ANSWER = 'canary-answer-9c4d';
const METADATA = 'canary-metadata-5f02';

let stack: Stack;
let token: string;
let tokenFile: string;
/** One that waits, one that has ended. */
let jobs: Job[];

beforeAll(async () => {
  const stateDir = temporaryFolder('admin');
  tokenFile = join(stateDir, 'admin-token');
  stack = await startStack({
    apis: 2,
    appendfsync: 'no',
    env: { TOKENHUB_STATE_DIR: stateDir, TOKENHUB_LOG_LEVEL: 'trace' },
  });
  token = readFileSync(tokenFile, 'utf8');
  const body = (more: Json): Json =>
    chatJob(
      { metadata: { note: METADATA }, request: { messages: [{ role: 'user', content: PROMPT }] }, ...more },
      { text: ANSWER },
    );
  jobs = [
    await post(stack.url, body({ not_before: new Date(Date.now() + 3_600_000).toISOString() })),
    await post(stack.url, body({}), { prefer: 'wait=10' }),
  ];
});

afterAll(async () => {
  await stack.stop();
});

const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });
const board = (path = '', options: Parameters<typeof ask>[1] = {}): Promise<Answer> =>
  ask(`${stack.url}${BOARD}${path}`, { headers: bearer(), ...options });

interface BoardQueue {
  name: string;
  displayName?: string;
  readOnlyMode: boolean;
  counts: Record<string, number>;
}

async function queues(): Promise<BoardQueue[]> {
  const { status, body } = await board('/api/queues');
  expect(status).toBe(200);
  return body.queues as BoardQueue[];
}

describe('the admin token', () => {
  it('is generated once, into a file that only its owner can read, and is in no log line', () => {
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
    const logged = [...stack.apis, ...stack.workers].flatMap(({ lines }) => lines);
    expect(logged.length).toBeGreaterThan(4);
    expect(logged.filter((line) => line.includes(token))).toEqual([]);
  });

  it.each(['', '/', '/api/queues', '/static/favicon.ico', '/queue/Pools:simulator'])(
    'is needed for %j',
    async (path) => {
      const wrong: Record<string, string>[] = [
        {},
        { authorization: 'Bearer nonsense' },
        { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
        { 'x-api-key': token },
        { cookie: `tokenhub-admin=${token}` },
      ];
      for (const headers of wrong) {
        const answer = await board(path, { headers });
        expect(answer.status).toBe(401);
        expect(answer.body.code).toBe(headers.cookie === undefined ? 'admin_token_required' : 'session_ended');
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    },
  );

  it('is taken as Bearer by every API process', async () => {
    for (const { url } of stack.apis) {
      expect((await ask(`${url}${BOARD}/api/queues`, { headers: bearer() })).status).toBe(200);
    }
  });

  it('is never taken from the URL', async () => {
    for (const query of [`?token=${token}`, `?access_token=${token}`, `?api_key=${token}`]) {
      expect((await board(`/api/queues${query}`, { headers: {} })).status).toBe(401);
    }
  });
});

describe('the board', () => {
  it('is a page that lists every queue of the system with what waits in it', async () => {
    const page = await board('/');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');
    const all = await queues();
    expect(all.map(({ name }) => name)).toEqual([
      ...['Pools:simulator', 'Orchestrations:graphs', 'Webhooks:deliveries', 'Housekeeping:reconciler'],
    ]);
    expect(all.filter(({ readOnlyMode }) => !readOnlyMode)).toEqual([]);
    expect(all[0]).toMatchObject({ name: 'Pools:simulator', readOnlyMode: true, counts: { delayed: 1 } });
  });

  it('shows the ids of a job and no word of its prompt, answer or metadata, on any page', async () => {
    const [waiting, ended] = jobs;
    const callId = `${waiting?.id ?? ''}-answer`;
    const paths = [
      '/api/queues',
      '/api/queues?activeQueue=Pools:simulator&status=delayed&page=1&jobsPerPage=10',
      '/api/queues?activeQueue=Pools:simulator&status=completed&page=1&jobsPerPage=10',
      '/api/queues?activeQueue=Pools:simulator&status=latest&page=1&jobsPerPage=10',
      `/api/queues/Pools:simulator/${callId}.1`,
      `/api/queues/Pools:simulator/${callId}.1/logs`,
      '/api/redis/stats',
      '/queue/Pools:simulator',
    ];
    const pages = await Promise.all(paths.map((path) => board(path)));
    expect(pages.map(({ status }) => status)).toEqual(paths.map(() => 200));
    expect(pages[1]?.text).toContain(waiting?.id);
    expect(pages[4]?.text).toContain(waiting?.id);
    const all = pages.map(({ text }) => text).join('\n');
    expect(ended?.state).toBe('completed');
    expect(JSON.stringify(ended?.result)).toContain(ANSWER);
    for (const canary of [PROMPT, ANSWER, METADATA]) expect(all).not.toContain(canary);
  });

  it('changes nothing: every verb of its API is refused', async () => {
    const before = await footprint(stack.redis.url);
    const queue = '/api/queues/Pools:simulator';
    const job = `${queue}/${jobs[0]?.id ?? ''}-answer.1`;
    const verbs = [
      ...[
        'retry/completed',
        'retry/failed',
        'promote',
        'pause',
        'resume',
        'empty',
        'obliterate',
        'clean/delayed',
        'clean/completed',
        'add',
        'concurrency',
      ].map((verb) => `${queue}/${verb}`),
      ...['retry', 'retry/failed', 'promote', 'clean', 'remove', 'update-data'].map((verb) => `${job}/${verb}`),
      '/api/queues/pause',
      '/api/queues/resume',
    ];
    const answers: { verb: string; status: number; code: unknown }[] = [];
    for (const verb of verbs) {
      for (const method of ['PUT', 'POST', 'PATCH', 'DELETE']) {
        const { status, body } = await board(verb, { method, headers: bearer(), body: {} });
        answers.push({ verb: `${method} ${verb}`, status, code: body.code });
      }
    }
    expect(answers.filter(({ status, code }) => status !== 405 || code !== 'method_not_allowed')).toEqual([]);
    expect(await footprint(stack.redis.url)).toEqual(before);
    const [pool] = await queues();
    expect(pool).toMatchObject({ isPaused: false, counts: { delayed: 1 } });
  });
});

describe('the documentation', () => {
  it('is an OpenAPI 3.1 document with every route, and a page', async () => {
    const { status, body } = await ask(`${stack.url}/docs/openapi.json`);
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\.1\./);
    const paths = body.paths as Record<string, Record<string, { summary?: string }>>;
    const routes = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`),
    );
    expect(routes).toEqual(
      expect.arrayContaining([
        'POST /v1/jobs',
        'GET /v1/jobs',
        'GET /v1/jobs/{id}',
        'DELETE /v1/jobs/{id}',
        'GET /v1/jobs/{id}/result',
        'GET /v1/jobs/{id}/events',
        'POST /v1/jobs/{id}/cancel',
        'POST /v1/route/explain',
        'POST /v1/chat/completions',
        'POST /v1/completions',
        'POST /v1/embeddings',
        'GET /v1/models',
      ]),
    );
    const page = await ask(`${stack.url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');
  });

  it('loads nothing from elsewhere, and works over plain HTTP', async () => {
    const { headers } = await ask(`${stack.url}/docs`);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/https:|upgrade-insecure-requests/);
  });
});
