import { hash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess } from '#testing/process-harness.js';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import {
  ask,
  chat,
  chatJob,
  everythingIn,
  type Job,
  type Json,
  post,
  read,
  SimulatorControl,
  untilState,
} from './doors.js';

/** Values that must appear nowhere but where they were given. */
const CANARIES = {
  environmentKey: 'th_canaryenvironment00000001',
  allScopes: 'th_canaryallscopes0000000002',
  otherProject: 'th_canaryotherproject0000003',
  expired: 'th_canaryexpired00000000004',
  unknown: 'th_canaryunknown0000000005',
  credential: 'sk-canary-credential-0000006',
  fileCredential: 'sk-canary-in-the-file-0000007',
  adminToken: 'canary-admin-token-000000008',
};
const SCOPES = ['jobs', 'chat', 'embeddings', 'batches', 'models'];

/** A key that has one scope alone. */
const keyOf = (scope: string): string => `th_canaryonly${scope}000000000`;
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

function withKeys(simulatorUrl: string): StackConfig {
  const config = simulatorConfig(simulatorUrl) as { providers: Json[]; models: Json[] } & StackConfig;
  // A provider that refused a credential is asked again at once.
  const provider = { ...config.providers[0], timeouts: { cool_down_ms: 1 } };
  const [model] = config.models;
  const declared = (id: string, key: string, more: Json = {}): Json => ({
    id,
    sha256: hash('sha256', key),
    scopes: SCOPES,
    ...more,
  });
  return {
    ...config,
    providers: [
      { ...provider, credential: { source: 'env', name: 'CANARY_CREDENTIAL' } },
      { ...provider, id: 'second', credential: { source: 'config', value: CANARIES.fileCredential } },
    ],
    models: [...config.models, { ...model, id: 'second-small', provider: 'second' }],
    projects: [
      {
        id: 'default',
        keys: [
          declared('all', CANARIES.allScopes),
          declared('expired', CANARIES.expired, { expires_at: '2020-01-01T00:00:00Z' }),
          ...SCOPES.map((scope) => declared(`only-${scope}`, keyOf(scope), { scopes: [scope] })),
        ],
      },
      { id: 'other', keys: [declared('other', CANARIES.otherProject)] },
    ],
  };
}

describe('with keys', () => {
  let stack: Stack;
  let url: string;

  beforeAll(async () => {
    stack = await startStack({
      auth: 'on',
      appendfsync: 'no',
      config: withKeys,
      env: {
        TOKENHUB_API_KEY: CANARIES.environmentKey,
        TOKENHUB_ADMIN_TOKEN: CANARIES.adminToken,
        CANARY_CREDENTIAL: CANARIES.credential,
        TOKENHUB_LOG_LEVEL: 'trace',
      },
    });
    url = stack.url;
  });

  afterAll(async () => {
    await stack.stop();
  });

  const CALLS: { call: string; scope: string; body?: Json }[] = [
    { call: 'POST /v1/jobs', scope: 'jobs', body: chatJob() },
    { call: 'GET /v1/jobs', scope: 'jobs' },
    { call: `GET /v1/jobs/job_${'0'.repeat(32)}`, scope: 'jobs' },
    { call: `GET /v1/jobs/job_${'0'.repeat(32)}/result`, scope: 'jobs' },
    { call: `GET /v1/jobs/job_${'0'.repeat(32)}/events`, scope: 'jobs' },
    { call: `POST /v1/jobs/job_${'0'.repeat(32)}/cancel`, scope: 'jobs' },
    { call: `DELETE /v1/jobs/job_${'0'.repeat(32)}`, scope: 'jobs' },
    { call: 'POST /v1/route/explain', scope: 'jobs', body: chatJob() },
    { call: 'POST /v1/chat/completions', scope: 'chat', body: chat() },
    { call: 'POST /v1/completions', scope: 'chat', body: { prompt: 'Once' } },
    { call: 'POST /v1/embeddings', scope: 'embeddings', body: { input: 'a' } },
    { call: 'GET /v1/models', scope: 'models' },
    { call: 'GET /v1/models/sim-small', scope: 'models' },
  ];

  async function tryCall(
    { call, body }: { call: string; body?: Json },
    headers: Record<string, string>,
  ): Promise<{ status: number; code: unknown; text: string; headers: Headers }> {
    const [method = '', path = ''] = call.split(' ');
    const answer = await ask(`${url}${path}`, { method, body, headers });
    const { code } = (answer.body.error ?? answer.body) as { code?: unknown };
    return { status: answer.status, code, text: answer.text, headers: answer.headers };
  }

  describe.each(CALLS)('$call', (one) => {
    it('is refused without a key', async () => {
      const { status, code, headers } = await tryCall(one, {});
      expect({ status, code }).toEqual({ status: 401, code: 'missing_api_key' });
      expect(headers.get('www-authenticate')).toBe('Bearer');
    });

    it('is refused with a key that is not known or has expired, which is not repeated', async () => {
      for (const key of [CANARIES.unknown, CANARIES.expired, `${CANARIES.allScopes}x`, 'short']) {
        const { status, code, text } = await tryCall(one, bearer(key));
        expect({ status, code }).toEqual({ status: 401, code: 'invalid_api_key' });
        expect(text).not.toContain(key);
      }
    });

    it(`takes the scope ${one.scope} and no other`, async () => {
      for (const scope of SCOPES) {
        const { status, code } = await tryCall(one, bearer(keyOf(scope)));
        if (scope === one.scope) expect([200, 202, 404]).toContain(status);
        else expect({ status, code }).toEqual({ status: 403, code: 'scope_missing' });
      }
    });
  });

  it.each([
    { from: 'the file, by its hash', headers: bearer(CANARIES.allScopes) },
    { from: 'TOKENHUB_API_KEY', headers: bearer(CANARIES.environmentKey) },
    { from: 'the x-api-key header', headers: { 'x-api-key': CANARIES.allScopes } },
    { from: 'a bearer header in lower case', headers: { authorization: `bearer ${CANARIES.allScopes}` } },
  ])('takes a key from $from', async ({ headers }) => {
    expect((await ask(`${url}/v1/chat/completions`, { body: chat(), headers })).status).toBe(200);
  });

  it('hides a job from every other project, whatever is done to it', async () => {
    const mine = bearer(CANARIES.allScopes);
    const theirs = bearer(CANARIES.otherProject);
    const later = { not_before: new Date(Date.now() + 3_600_000).toISOString() };
    const waiting = await post(url, chatJob(later), mine);
    const finished = await post(url, chatJob(), { ...mine, prefer: 'wait=10' });
    expect(finished.state).toBe('completed');
    for (const job of [waiting, finished]) {
      const attempts = [
        { path: job.urls.self },
        { path: `${job.urls.self}?wait=1` },
        { path: job.urls.result },
        { path: job.urls.events },
        { path: job.urls.cancel, method: 'POST' },
        { path: job.urls.self, method: 'DELETE' },
      ];
      for (const { path, method } of attempts) {
        const { status, body } = await ask(`${url}${path}`, { method, headers: theirs });
        expect({ status, code: body.code }).toEqual({ status: 404, code: 'job_not_found' });
      }
      expect((await read(url, job.id, mine)).state).toBe(job.state);
    }
    const ids = async (headers: Record<string, string>): Promise<string[]> =>
      (await ask<{ data: Job[] }>(`${url}/v1/jobs?limit=100`, { headers })).body.data.map(({ id }) => id);
    expect(await ids(theirs)).toEqual([]);
    // Nor does a cursor that names it show anything.
    expect((await ask<{ data: Job[] }>(`${url}/v1/jobs?after=${finished.id}`, { headers: theirs })).body.data).toEqual(
      [],
    );
    expect(await ids(mine)).toEqual(expect.arrayContaining([waiting.id, finished.id]));
  });

  it('keeps idempotency keys apart between projects', async () => {
    const key = { 'idempotency-key': 'shared' };
    const mine = await post(url, chatJob(), { ...bearer(CANARIES.allScopes), ...key });
    const theirs = await post(url, chatJob({ metadata: { other: 'body' } }), {
      ...bearer(CANARIES.otherProject),
      ...key,
    });
    expect(theirs.id).not.toBe(mine.id);
  });

  it('never writes a secret to a log line, to Redis or into an answer', async () => {
    const simulator = new SimulatorControl(stack.simulatorUrl);
    await simulator.reset();
    const mine = bearer(CANARIES.allScopes);
    const answers: Job[] = [];
    // Providers that complain about the credential, break, or cannot be read are where secrets slip out.
    for (const model of ['sim-small', 'second-small']) {
      for (const fault of [{ kind: 'status', status: 401 }, { kind: 'reset' }, { kind: 'html' }]) {
        const policy = { max_attempts: 1 };
        const job = await post(url, chatJob({ policy, request: { model, simulator: { fault } } }), mine);
        answers.push(await untilStateAs(job, mine));
      }
    }
    expect(answers.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'failed'));
    await ask(`${url}/admin/queues/api/queues`, { headers: bearer(CANARIES.adminToken) });
    await ask(`${url}/admin/queues/api/queues`, { headers: bearer(CANARIES.unknown) });
    await ask(`${url}/v1/jobs`, { raw: '{', headers: bearer(CANARIES.environmentKey) });

    const [sent] = (await seenHeaders(stack.simulatorUrl)).requests;
    expect(sent?.authorization).toBe(true);
    const places = {
      logs: [...stack.apis, ...stack.workers].flatMap(({ lines }) => lines).join('\n'),
      redis: await everythingIn(stack.redis.url),
      answers: JSON.stringify(answers),
    };
    expect(places.logs).toContain('"level":');
    expect(places.redis).toContain(answers[0]?.id);
    const secrets = [...Object.values(CANARIES), ...SCOPES.map(keyOf)];
    for (const [place, text] of Object.entries(places)) {
      expect({ place, found: secrets.filter((secret) => text.includes(secret)) }).toEqual({ place, found: [] });
    }
  });

  async function untilStateAs(job: Job, headers: Record<string, string>): Promise<Job> {
    return (await ask<Job>(`${url}${job.urls.self}?wait=20`, { headers })).body;
  }

  it('sends no CORS headers, whoever asks', async () => {
    for (const method of ['GET', 'OPTIONS']) {
      const headers = {
        ...bearer(CANARIES.allScopes),
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'POST',
      };
      const answer = await ask(`${url}/v1/models`, { method, headers });
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

describe('without keys (TOKENHUB_AUTH=off)', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ appendfsync: 'no' });
  });

  afterAll(async () => {
    await stack.stop();
  });

  it.each(['0.0.0.0', '::', 'tokenhub.example'])(
    'does not start on %s: one line says why, exit code 1',
    async (host) => {
      const api = startProcess({
        name: 'api',
        entry: 'dist/apps/api/src/main.js',
        env: { TOKENHUB_AUTH: 'off', TOKENHUB_HOST: host, TOKENHUB_PORT: '0', REDIS_URL: stack.redis.url },
      });
      expect(await api.exit).toEqual({ code: 1, signal: null });
      expect(api.lines).toEqual([
        expect.stringMatching(/^tokenhub api: TOKENHUB_AUTH: off is only allowed on a loopback host/),
      ]);
    },
  );

  it.each<{ headers: Record<string, string> }>([
    { headers: { host: 'tokenhub.example' } },
    { headers: { host: 'tokenhub.example:8080' } },
    { headers: { host: 'localhost.tokenhub.example' } },
    { headers: { host: '192.168.0.7' } },
    { headers: { host: 'localhost@tokenhub.example' } },
    { headers: { origin: 'https://tokenhub.example' } },
    { headers: { origin: 'http://localhost.tokenhub.example' } },
    { headers: { origin: 'null' } },
  ])('refuses a page or a name from elsewhere: $headers', async ({ headers }) => {
    for (const path of ['/v1/jobs', '/v1/chat/completions', '/v1/models', '/docs']) {
      const answer = await rawRequest(`${stack.url}${path}`, headers);
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('"code":"host_not_allowed"');
      expect(answer.headers.filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  it.each<{ headers: Record<string, string> }>([
    { headers: { host: 'localhost' } },
    { headers: { host: 'LOCALHOST:1234' } },
    { headers: { host: '127.9.9.9' } },
    { headers: { host: '[::1]:8080' } },
    { headers: { origin: 'http://localhost:3000' } },
  ])('serves a loopback name, still without CORS: $headers', async ({ headers }) => {
    const answer = await rawRequest(`${stack.url}/v1/models`, headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it('needs no key, and ignores one', async () => {
    const headers = bearer(CANARIES.unknown);
    const job = await post(stack.url, chatJob(), headers);
    expect((await untilState(stack.url, job.id, ['completed'])).state).toBe('completed');
  });
});

/** `fetch` sets the Host and forbids some headers. */
function rawRequest(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: string[]; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: Object.keys(response.headers), text }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

async function seenHeaders(simulatorUrl: string): Promise<{ requests: { authorization: boolean }[] }> {
  return (await (await fetch(`${simulatorUrl}/_control/seen?limit=1`)).json()) as {
    requests: { authorization: boolean }[];
  };
}
