import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { ERROR_CLASSES } from '#contracts/attempt.js';
import { connectDatabase } from '#database/connect-database.js';
import { simulatorConfig } from '#testing/simulator-config.js';
import { waitFor } from '#testing/wait-for.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { keyOfPassword } from '#vault/key-encryption.js';
import type { DataKey } from '#vault/sealed-text.js';
import { unwrapKeys } from '#vault/vault-record.js';
import { VaultStore } from '#vault/vault-store.js';
import { Canaries, canaryKey, type Sighting } from './canaries.js';
import { chat, chatJob, ENDED, everythingIn, type Json } from './doors.js';
import { ECHO_MODELS, EchoingProvider } from './echoing-provider.js';
import { VaultStack } from './vault-stack.js';

/*
 * Every secret that Tokenhub is told is planted, every route and every error is gone through, and then everything that can be read is
 * looked through: no secret is anywhere. One more secret is one more line in `planted`, and its use one more in what is gone through.
 */

const canaries = new Canaries();
/** How one begins that stands without quotes in a body: a parser repeats some letters of what it cannot read. */
const UNQUOTED = 'Unq0tEd-';
const whsec = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const planted = {
  admin: canaries.plant('the admin token', canaryKey('admin')),
  house: canaries.plant('TOKENHUB_API_KEY', `th_canary${randomBytes(16).toString('hex')}`),
  declared: canaries.plant('a declared API key', `th_declared${randomBytes(16).toString('hex')}`),
  cluster: canaries.plant('TOKENHUB_CLUSTER_SECRET', randomBytes(32).toString('base64')),
  encryption: canaries.plant('TOKENHUB_ENCRYPTION_KEY', randomBytes(32).toString('base64')),
  password: canaries.plant('the vault password', canaryKey('password')),
  next: canaries.plant('the next vault password', canaryKey('next')),
  wrong: canaries.plant('a wrong vault password', canaryKey('wrong')),
  env: canaries.plant('a provider key of the environment', canaryKey('env')),
  file: canaries.plant('a provider key of the file', canaryKey('file')),
  escrow: canaries.plant('a provider key of the vault', canaryKey('escrow')),
  refused: canaries.plant('a secret that is refused', canaryKey('refused')),
  unquoted: canaries.plant('a secret in a broken body', `${UNQUOTED}${randomBytes(16).toString('hex')}`),
  hookEnv: canaries.plant('a webhook secret of the environment', whsec()),
  hookFile: canaries.plant('a webhook secret of the file', whsec()),
  hookVault: canaries.plant('a webhook secret of the vault', whsec()),
};

let vault: VaultStack;
let echo: EchoingProvider;
let receiver: WebhookReceiver;
/** Of the vault, as they were in the end. */
const dataKeys: DataKey[] = [];
/** Everything that was answered. */
const answers: Sighting[] = [];

beforeAll(async () => {
  [echo, receiver] = [await EchoingProvider.start(), await WebhookReceiver.start()];
  vault = await VaultStack.start({
    config: (url) => ({
      ...withEchoes(simulatorConfig(url)),
      projects: [
        {
          id: 'default',
          webhook_secret: { source: 'escrow', name: 'hook' },
          webhook_endpoints: [
            { id: 'env', url: receiver.url('/env'), secret: { source: 'env', name: 'HOOK_ENV' } },
            { id: 'file', url: receiver.url('/file'), secret: { source: 'config', value: planted.hookFile } },
            { id: 'vault', url: receiver.url('/vault'), secret: { source: 'escrow', name: 'hook' } },
          ],
          keys: [
            { id: 'ci', sha256: createHash('sha256').update(planted.declared).digest('hex'), scopes: ['jobs', 'chat'] },
          ],
        },
      ],
    }),
    env: {
      ...{ TOKENHUB_AUTH: 'on', TOKENHUB_LOG_LEVEL: 'trace', TOKENHUB_WEBHOOK_ALLOW: '127.0.0.1' },
      ...{ TOKENHUB_ADMIN_TOKEN: planted.admin, TOKENHUB_API_KEY: planted.house },
      ...{ TOKENHUB_CLUSTER_SECRET: planted.cluster, TOKENHUB_ENCRYPTION_KEY: planted.encryption },
      ...{ PROVIDER_KEY: planted.env, HOOK_ENV: planted.hookEnv },
    },
  });
}, 120_000);

afterAll(async () => {
  await vault.stop();
  await echo.stop();
  await receiver.stop();
});

/** The echoing provider with a key from each source. */
function withEchoes(config: Json): Json {
  const credentials = {
    env: { source: 'env', name: 'PROVIDER_KEY' },
    file: { source: 'config', value: planted.file },
    vault: { source: 'escrow', name: 'provider' },
  };
  const ids = Object.keys(credentials);
  const providers = Object.entries(credentials).flatMap(([id, credential]) => [
    { id, type: 'openai', base_url: echo.url, credential },
    { id: `${id}-claude`, type: 'anthropic', base_url: echo.url, credential },
  ]);
  const models = [...ids, ...ids.map((id) => `${id}-claude`)].flatMap((id) =>
    ECHO_MODELS.map((model) => ({ id: `${id}-${model}`, provider: id, upstream_model: model, kinds: ['chat'] })),
  );
  return {
    ...config,
    providers: [...(config.providers as Json[]), ...providers],
    models: [...(config.models as Json[]), ...models],
  };
}

/** One request, whose whole answer is kept; the answer that makes a secret is `unseen`, and the secret planted. */
async function ask(
  method: string,
  path: string,
  { body, key = planted.admin, unseen = false }: { body?: unknown; key?: string; unseen?: boolean } = {},
): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${vault.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
    redirect: 'manual',
  });
  const text = await response.text();
  const headers = JSON.stringify([...response.headers]);
  if (!unseen)
    answers.push({ where: `the answer to ${method} ${path} (${response.status})`, text: `${headers}\n${text}` });
  return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Json) : {} };
}

const admin = (method: string, path: string, body?: unknown): ReturnType<typeof ask> =>
  ask(method, `/admin/v1/${path}`, { body });
const consume = (method: string, path: string, body?: unknown): ReturnType<typeof ask> =>
  ask(method, path, { body, key: planted.house });

/** Each place that a stranger may get to read, looked through; gives what was found. */
const found = (sightings: readonly Sighting[]): string[] => sightings.flatMap((sighting) => canaries.in(sighting));

describe('everything is gone through', () => {
  it('the vault is made, opened, refused, locked and rotated', async () => {
    expect(
      (await admin('POST', 'vault/init', { mode: 'password', password: planted.password, unknown: 1 })).status,
    ).toBe(400);
    expect((await admin('POST', 'vault/init', { mode: planted.password })).status).toBe(400);
    expect((await admin('POST', 'vault/init', `{"password":"${planted.password}"`)).status).toBe(400);
    expect((await admin('POST', 'vault/init', { mode: 'password', password: planted.password })).status).toBe(201);
    expect((await admin('POST', 'vault/unlock', { password: planted.wrong })).status).toBe(403);
    expect((await admin('POST', 'vault/unlock', { password: [planted.wrong] })).status).toBe(400);
    for (const [name, value] of [
      ['provider', planted.escrow],
      ['hook', planted.hookVault],
    ] as const) {
      expect((await admin('PUT', `vault/secrets/${name}`, { value })).status).toBe(201);
    }
    for (const value of [`${planted.refused}\n`, [planted.refused], { a: planted.refused }]) {
      expect((await admin('PUT', 'vault/secrets/x', { value })).status).toBe(400);
    }
    expect((await admin('PUT', `vault/secrets/${encodeURIComponent(' ')}`, { value: planted.refused })).status).toBe(
      400,
    );
    expect(
      (await admin('POST', 'vault/rotate', { password: planted.password, new_password: planted.next })).status,
    ).toBe(200);
    expect((await admin('POST', 'vault/rotate', { password: planted.next, data_key: true })).status).toBe(200);
    expect((await admin('POST', 'vault/lock')).status).toBe(200);
    expect((await admin('PUT', 'vault/secrets/x', { value: planted.refused })).status).toBe(409);
    expect((await admin('POST', 'vault/unlock', { password: planted.next })).status).toBe(200);
    expect((await admin('GET', 'vault/secrets')).body).toMatchObject({
      data: [{ name: 'hook' }, { name: 'provider' }],
    });
    await vault.untilHeld();
  });

  it('providers are set with secrets where none belong', async () => {
    const provider = { type: 'openai', base_url: echo.url };
    for (const credential of [
      { source: 'config', value: planted.refused },
      { source: 'env', name: `${planted.refused} ` },
      planted.refused,
    ]) {
      expect((await admin('PUT', 'providers/wrong', { ...provider, credential })).status).toBe(400);
    }
    expect(
      (
        await admin('PUT', 'providers/wrong', {
          ...provider,
          base_url: `https://me:${planted.refused}@example.org/`,
          credential: { source: 'none' },
        })
      ).status,
    ).toBe(400);
  });

  it('every route of the description is called, by administrators, consumers and strangers', async () => {
    const { body } = await consume('GET', '/docs/openapi.json');
    const routes = Object.entries(body.paths as Record<string, Json>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
    );
    expect(routes.length).toBeGreaterThan(50);
    for (const [method, path] of routes) {
      const filled = path.replaceAll(/\{[^}]*\}/g, 'env');
      const payload = method === 'GET' || method === 'DELETE' ? undefined : {};
      for (const key of [
        planted.admin,
        planted.house,
        canaries.plant('a key that nobody knows', canaryKey('stranger')),
      ]) {
        // An administrator's would undo what the others need; they have been called above.
        if (path.startsWith('/admin/v1/vault/') && method === 'POST' && key === planted.admin) continue;
        // They make secrets.
        const unseen = method === 'POST' && /\/(keys|webhook-endpoints)/.test(filled);
        const answer = await ask(method, filled, { body: payload, key, unseen });
        expect([method, filled, answer.status]).not.toEqual([method, filled, 500]);
      }
    }
  }, 120_000);

  it('every route of administrators that takes a body is sent a broken one, with a secret without quotes in it', async () => {
    const { body } = await consume('GET', '/docs/openapi.json');
    const routes = Object.entries(body.paths as Record<string, Record<string, { requestBody?: object }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods)
          .filter(([, { requestBody }]) => path.startsWith('/admin/') && requestBody !== undefined)
          .map(([method]) => [method.toUpperCase(), path.replaceAll(/\{[^}]*\}/g, 'env')] as const),
    );
    expect(routes.map(([, path]) => path)).toEqual(
      expect.arrayContaining(['/admin/v1/vault/init', '/admin/v1/vault/secrets/env', '/admin/v1/session']),
    );
    for (const [method, path] of routes) {
      const answer = await ask(method, path, { body: `{"value":${planted.unquoted}}` });
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 400, 'invalid_json']);
      expect(JSON.stringify(answer)).not.toContain(UNQUOTED.slice(0, 4));
    }
    expect(vault.lines.filter((line) => line.includes(UNQUOTED.slice(0, 4)))).toEqual([]);
  });

  it('a key is made, used, rotated and deleted', async () => {
    const secrets: string[] = [];
    for (const [path, body] of [
      ['keys', { id: 'made', project: 'default', scopes: ['jobs', 'chat'] }],
      ['keys/made/rotate', {}],
    ] as const) {
      const made = await ask('POST', `/admin/v1/${path}`, { body, unseen: true });
      secrets.push(canaries.plant(`a key that was made by ${path}`, String(made.body.secret)));
    }
    for (const key of [...secrets, planted.declared]) expect((await ask('GET', '/v1/jobs', { key })).status).toBe(200);
    await admin('GET', 'keys');
    await admin('DELETE', 'keys/made');
    for (const key of secrets) await waitFor(async () => (await ask('GET', '/v1/jobs', { key })).status === 401);
  });

  it('providers that quote the key fail in every way, waited for, streamed and polled', async () => {
    const classes = new Set<string>();
    const models = ['env', 'file', 'vault']
      .flatMap((id) => [id, `${id}-claude`])
      .flatMap((id) => ECHO_MODELS.map((model) => `${id}-${model}`));
    await Promise.all(
      models.map(async (model) => {
        const job = await consume(
          'POST',
          '/v1/jobs',
          chatJob({ request: { model }, policy: { max_attempts: 1 }, timeout_ms: 10_000 }),
        );
        expect(job.status).toBe(202);
        const path = `/v1/jobs/${String(job.body.id)}`;
        await waitFor(async () => ENDED.includes(String((await consume('GET', path)).body.state)), {
          timeoutMs: 40_000,
          pauseMs: 500,
        });
        const { attempts } = (await consume('GET', path)).body as { attempts: { error: { class: string } | null }[] };
        for (const { error } of attempts) if (error) classes.add(error.class);
        for (const more of ['/result', '/events', '/cancel', '/retry']) {
          await consume(more === '/cancel' ? 'POST' : 'GET', `${path}${more}`);
        }
      }),
    );
    expect([...classes].toSorted()).toEqual([...ERROR_CLASSES].toSorted());
    await consume('POST', '/v1/chat/completions', chat({ model: 'vault-echo-401', stream: true }));
    await consume('POST', '/v1/chat/completions', chat({ model: 'env-echo-400' }));
    for (const id of ['env', 'file', 'vault', 'vault-claude']) {
      await admin('POST', `providers/${id}/test`);
      await admin('POST', `providers/${id}/discover`);
    }
  }, 120_000);

  it('an administrator signs in with a browser, and out again', async () => {
    const session = (method: string, more: RequestInit): Promise<Response> =>
      fetch(`${vault.url}/admin/v1/session`, { method, ...more });
    const json = { 'content-type': 'application/json' };
    await ask('POST', '/admin/v1/session', { body: { token: planted.wrong } });
    // The one answer that tells what the cookie is.
    const opened = await session('POST', { headers: json, body: JSON.stringify({ token: planted.admin }) });
    expect(opened.status).toBe(201);
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
    canaries.plant('a session', cookie.split('=')[1] ?? '');
    const { csrf_token: csrf } = (await opened.json()) as { csrf_token: string };
    for (const path of ['/admin/', '/admin/v1/vault', '/admin/v1/audit', '/admin/queues']) {
      const page = await fetch(`${vault.url}${path}`, { headers: { cookie } });
      expect([path, page.status]).toEqual([path, 200]);
      answers.push({ where: path, text: `${JSON.stringify([...page.headers])}\n${await page.text()}` });
    }
    expect((await session('DELETE', { headers: { cookie, 'x-csrf-token': csrf, origin: vault.url } })).status).toBe(
      204,
    );
    expect((await fetch(`${vault.url}/admin/v1/vault`, { headers: { cookie } })).status).toBe(401);
  });

  it('a webhook endpoint is made, tested, rotated and told of a job', async () => {
    for (const [path, body] of [
      ['', { id: 'made', url: receiver.url('/made') }],
      ['/made/rotate', {}],
    ] as const) {
      const made = await ask('POST', `/v1/webhook-endpoints${path}`, { body, key: planted.house, unseen: true });
      expect(made.body.secret).toMatch(/^whsec_/);
      canaries.plant(`the secret of a webhook endpoint${path}`, String(made.body.secret));
    }
    expect((await consume('POST', '/v1/webhook-endpoints/made/test', {})).status).toBeLessThan(300);
    expect((await consume('POST', '/v1/jobs', chatJob({ request: { model: 'sim-small' } }))).status).toBe(202);
    await waitFor(() => receiver.received.some(({ path }) => path === '/made'));
    for (const path of ['', '/made', '/made/deliveries']) {
      expect((await consume('GET', `/v1/webhook-endpoints${path}`)).status).toBe(200);
    }
  });

  it('webhooks are signed with secrets of every source', async () => {
    const job = chatJob({ request: { model: 'sim-small' }, webhook: { url: receiver.url('/own'), events: ['job.*'] } });
    expect((await consume('POST', '/v1/jobs', job)).status).toBe(202);
    await waitFor(
      () => ['/env', '/file', '/vault', '/own'].every((path) => receiver.received.some((one) => one.path === path)),
      {
        describe: 'a webhook of each',
      },
    );
  });

  it('the data keys of the vault, and what they are wrapped with, are known here alone', async () => {
    const database = connectDatabase(vault.stack.database?.url ?? '', { name: 'test', onError: () => undefined });
    const stored = await new VaultStore(database.db).read().finally(() => database.close());
    if (stored?.record.kdf == null) throw new Error('there is no vault with a password');
    const wrapping = await keyOfPassword(planted.next, stored.record.kdf);
    canaries.plant('what the data keys are wrapped with', wrapping.toString('base64'));
    dataKeys.push(...(unwrapKeys(stored.record, wrapping)?.all() ?? []));
    expect(dataKeys.map(({ version }) => version)).toEqual([1, 2]);
    for (const { version, key } of dataKeys) canaries.plant(`data key ${version}`, key.toString('base64'));
  });

  it('the pages of the board are read', async () => {
    for (const path of [
      '',
      '/',
      '/api/queues',
      '/api/queues?activeQueue=webhooks&status=completed',
      '/queue/pool.vault',
    ]) {
      expect((await ask('GET', `/admin/queues${path}`)).status).toBeLessThan(400);
    }
    for (const path of ['/health', '/ready', '/metrics', '/docs', '/docs/openapi.json']) await ask('GET', path);
  });
});

describe('no secret is seen', () => {
  it('in any answer', () => {
    expect(answers.length).toBeGreaterThan(400);
    expect(found(answers)).toEqual([]);
  });

  it('in any log line, at the level trace', () => {
    // The harness keeps so many of each: with fewer, these are all.
    for (const { lines } of [...vault.stack.apis, ...vault.stack.workers]) expect(lines.length).toBeLessThan(2_000);
    expect(vault.lines.filter((line) => line.includes('"level":20')).length).toBeGreaterThan(20);
    expect(found([{ where: 'a log', text: vault.lines.join('\n') }])).toEqual([]);
  });

  it('in Redis, whatever the key and its type', async () => {
    const text = await everythingIn(vault.stack.redis.url);
    expect(text).toContain('{th}:vault-secrets');
    expect(found([{ where: 'Redis', text }])).toEqual([]);
  });

  it('in the database, whatever the table', async () => {
    const client = new pg.Client({ connectionString: vault.stack.database?.url });
    await client.connect();
    const tables = await client.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    const rows: Sighting[] = [];
    for (const { name } of tables.rows) {
      const { rows: found } = await client.query<{ row: string }>(
        `SELECT row_to_json(t)::text AS row FROM "${name}" t`,
      );
      rows.push(...found.map(({ row }) => ({ where: `the table ${name}`, text: row })));
    }
    await client.end();
    expect(new Set(rows.map(({ where }) => where)).size).toBeGreaterThan(4);
    expect(rows.map(({ where }) => where)).toContain('the table vault_secrets');
    expect(found(rows)).toEqual([]);
  });

  it('in what webhooks carry', () => {
    expect(
      found(
        receiver.received.map(({ path, headers, body }) => ({
          where: path,
          text: `${JSON.stringify(headers)}\n${body}`,
        })),
      ),
    ).toEqual([]);
  });

  it('and what was planted would have been: each is found in clear, in JSON, base64 and hex', () => {
    for (const [name, secret] of Object.entries(planted)) {
      const forms = [
        secret,
        JSON.stringify({ secret }),
        Buffer.from(`x${secret}yz`).toString('base64url'),
        Buffer.from(secret).toString('hex'),
      ];
      for (const text of forms) expect([name, canaries.in({ where: 'here', text }).length > 0]).toEqual([name, true]);
    }
  });

  it('and so would each data key: by itself, and among other bytes', () => {
    for (const { version, key } of dataKeys) {
      const among = Buffer.concat([Buffer.from([0, 0, 0, version]), key, Buffer.from('x')]);
      for (const text of [key.toString('base64'), key.toString('hex'), among.toString('base64url')]) {
        expect(canaries.in({ where: 'here', text })).toEqual([`data key ${version} in here`]);
      }
    }
  });
});
