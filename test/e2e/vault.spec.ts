import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import process from 'node:process';
import { waitFor } from '#testing/wait-for.js';
import { read, type Json } from './doors.js';
import { PASSWORD, PROVIDER_KEY, VaultStack, type VaultView } from './vault-stack.js';

const NEXT_PASSWORD = 'another horse battery staple';

let vault: VaultStack;

beforeAll(async () => {
  vault = await VaultStack.start({ apis: 2, workers: 2 });
}, 120_000);

afterAll(() => vault.stop());

const said = (what: string, ms: number): boolean => process.stdout.write(`${what} in ${Math.round(ms)} ms\n`);
const secret = (name: string): Promise<VaultView> => vault.do('PUT', `vault/secrets/${name}`, { value: 'sk-other' });

describe('before there is a vault', () => {
  it('the state says so, and every process serves without one', async () => {
    expect(await vault.view()).toMatchObject({
      ...{ state: 'uninitialised', mode: null, data_key_version: null, warnings: [] },
      administration: { open: false },
      this_process: { key: false, encryption_key: false, cluster_secret: true },
    });
    const ready = (await (await fetch(`${vault.url}/ready`)).json()) as Json;
    expect(ready).toMatchObject({ status: 'ok', vault: { state: 'uninitialised', key: false } });
  });

  it.each<[string, string, unknown, number, string]>([
    ['unlocking', 'vault/unlock', { password: PASSWORD }, 409, 'vault_uninitialised'],
    ['locking', 'vault/lock', {}, 409, 'vault_uninitialised'],
    ['rotating', 'vault/rotate', { data_key: true }, 409, 'vault_uninitialised'],
    ['setting a secret', 'vault/secrets', { name: 'a', value: 'b' }, 409, 'vault_uninitialised'],
    [
      'a password of eleven characters',
      'vault/init',
      { mode: 'password', password: 'elevenchars' },
      400,
      'invalid_value',
    ],
    ['no password', 'vault/init', { mode: 'password' }, 400, 'missing_required_parameter'],
    ['a mode that is none', 'vault/init', { mode: 'paper' }, 400, 'invalid_value'],
    ['mode env without a key here', 'vault/init', { mode: 'env' }, 409, 'vault_not_configured'],
    ['an unknown field', 'vault/init', { mode: 'password', password: PASSWORD, hint: 'x' }, 400, 'unknown_parameter'],
  ])('%s is refused', async (_what, path, body, status, code) => {
    expect(await vault.admin('POST', path, body)).toMatchObject({ status, body: { code } });
    expect((await vault.view()).state).toBe('uninitialised');
  });
});

describe('a vault with a password', () => {
  it('is made, takes a secret, and every worker calls the provider with it', async () => {
    await vault.furnish();
    expect(await vault.view(1)).toMatchObject({ state: 'unlocked', mode: 'password', data_key_version: 1 });
    const jobs = await Promise.all(Array.from({ length: 20 }, () => vault.job()));
    for (const job of jobs) expect(await vault.ended(job)).toMatchObject({ provider: 'guarded', attempts: [{ n: 1 }] });
    expect((await vault.view()).processes.map(({ key }) => key)).toStrictEqual([true, true, true, true]);
  });

  it('cannot be made twice', async () => {
    const again = await vault.admin('POST', 'vault/init', { mode: 'password', password: NEXT_PASSWORD });
    expect(again).toMatchObject({ status: 409, body: { code: 'vault_initialised' } });
  });

  it('locked, it is open in no process: jobs wait and say for what, and run when it is unlocked', async () => {
    const locked = vault.do('POST', 'vault/lock');
    const lockedIn = await vault.untilHeld(false);
    expect(await locked).toMatchObject({ state: 'locked', this_process: { key: false } });
    said('a lock reached every process', lockedIn);
    const waiting = await Promise.all([1, 2, 3].map(() => vault.job()));
    await waitFor(async () => {
      const [job] = await Promise.all(waiting.map(({ id }) => read(vault.url, id)));
      return (job?.waiting_for as Json | undefined)?.reason === 'vault_locked';
    });
    const before = await Promise.all(waiting.map(({ id }) => read(vault.url, id)));
    expect(before.map(({ state, attempts }) => [state, attempts])).toStrictEqual(waiting.map(() => ['queued', []]));
    expect(await vault.admin('POST', 'providers/guarded/test')).toMatchObject({
      status: 409,
      body: { code: 'vault_locked' },
    });
    expect(await vault.admin('PUT', 'vault/secrets/x', { value: 'y' })).toMatchObject({
      status: 409,
      body: { code: 'vault_locked' },
    });
    expect(await vault.admin('POST', 'vault/lock')).toMatchObject({ status: 200, body: { state: 'locked' } });

    const unlocked = vault.do('POST', 'vault/unlock', { password: PASSWORD });
    const held = vault.untilHeld();
    const from = performance.now();
    await unlocked;
    const hashed = performance.now() - from;
    said('an unlocking reached every process', (await held) - hashed);
    for (const job of waiting)
      expect(await vault.ended(job)).toMatchObject({ attempts: [{ n: expect.any(Number), state: 'completed' }] });
  });

  it('while it is locked, jobs that may go elsewhere do, also those that were waiting', async () => {
    const either = { request: { model: 'auto' }, policy: { models: ['guarded-model', 'sim-small'] } };
    // More than can be under way at once wait in the queue.
    await vault.do('PATCH', 'providers/guarded', { limits: { concurrency: 1, rpm: 60 } });
    const jobs = await Promise.all(Array.from({ length: 10 }, () => vault.job(either)));
    await vault.do('POST', 'vault/lock');
    await vault.untilHeld(false);
    for (const job of [...jobs, await vault.job(either)]) await vault.ended(job);
    const last = await vault.ended(await vault.job(either));
    expect(last.provider).toBe('simulator');
    await vault.do('POST', 'vault/unlock', { password: PASSWORD });
    await vault.do('PATCH', 'providers/guarded', { limits: null });
    await vault.untilHeld();
  });

  it('an epoch is never said twice', async () => {
    const before = (await vault.view()).epoch ?? 0;
    const locked = (await vault.do('POST', 'vault/lock')).epoch ?? 0;
    const unlocked = (await vault.do('POST', 'vault/unlock', { password: PASSWORD })).epoch ?? 0;
    expect([locked > before, unlocked > locked]).toStrictEqual([true, true]);
    await vault.untilHeld();
  });
});

describe('secrets', () => {
  it('are listed by name, with times and never with values', async () => {
    await secret('b');
    await secret('a');
    const { body, text } = await vault.admin('GET', 'vault/secrets?limit=2');
    expect(body).toMatchObject({ object: 'list', data: [{ name: 'a' }, { name: 'b' }], has_more: true, last_id: 'b' });
    expect((await vault.admin('GET', 'vault/secrets?after=b')).body).toMatchObject({
      data: [{ name: 'guarded-key' }],
      has_more: false,
    });
    expect(Object.keys((body.data as Json[])[0] ?? {})).toStrictEqual(['object', 'name', 'created_at', 'updated_at']);
    expect(text).not.toContain('sk-');
  });

  it('are changed by who has read them last', async () => {
    const { headers } = await vault.admin('GET', 'vault/secrets/a');
    const etag = headers.get('etag') ?? '';
    const put = (match: Json) => vault.admin('PUT', 'vault/secrets/a', { value: 'sk-new' }, match);
    expect((await put({ 'if-match': etag })).status).toBe(200);
    expect(await put({ 'if-match': etag })).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    expect(await put({ 'if-none-match': '*' })).toMatchObject({ status: 412 });
    expect(await vault.admin('DELETE', 'vault/secrets/a', undefined, { 'if-match': etag })).toMatchObject({
      status: 412,
    });
    expect(await vault.admin('PUT', 'vault/secrets/new', { value: 'x' }, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
    });
    expect(await vault.admin('POST', 'vault/secrets', { name: 'a', value: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'already_exists' },
    });
  });

  it.each<[string, string, unknown, number, string]>([
    ['a name with a slash', 'POST vault/secrets', { name: 'a/b', value: 'x' }, 400, 'invalid_value'],
    ['an empty value', 'PUT vault/secrets/a', { value: '' }, 400, 'invalid_value'],
    ['a value with a line feed', 'PUT vault/secrets/a', { value: 'sk-1\n' }, 400, 'invalid_value'],
    ['a value that is no text', 'PUT vault/secrets/a', { value: 1 }, 400, 'invalid_type'],
    ['no value', 'PUT vault/secrets/a', {}, 400, 'missing_required_parameter'],
    ['a page after an id with NUL', 'GET vault/secrets?after=%00', undefined, 400, 'invalid_value'],
    ['a secret that is not there', 'DELETE vault/secrets/none', undefined, 404, 'vault_secret_not_found'],
    ['a secret that a provider needs', 'DELETE vault/secrets/guarded-key', undefined, 409, 'in_use'],
  ])('%s is refused', async (_what, call, body, status, code) => {
    const [method = '', path = ''] = call.split(' ');
    const answer = await vault.admin(method, path, body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.text).not.toContain('sk-1');
  });

  it('a changed one is used at once, and a wrong one is the provider’s refusal', async () => {
    await vault.do('PUT', 'vault/secrets/guarded-key', { value: 'sk-wrong' });
    await waitFor(async () => !(await vault.admin<{ ok: boolean }>('POST', 'providers/guarded/test')).body.ok);
    await vault.do('PUT', 'vault/secrets/guarded-key', { value: PROVIDER_KEY });
    await waitFor(async () => (await vault.admin<{ ok: boolean }>('POST', 'providers/guarded/test')).body.ok);
    await vault.ended(await vault.job());
  });

  it('are removed when nobody needs them', async () => {
    expect((await vault.admin('DELETE', 'vault/secrets/b')).status).toBe(204);
    expect((await vault.admin('GET', 'vault/secrets/b')).status).toBe(404);
  });
});

describe('rotation', () => {
  it('of the data key under load fails no job', async () => {
    const jobs: Promise<{ id: string }>[] = [];
    const load = setInterval(() => jobs.push(vault.job()), 20);
    for (const version of [2, 3]) {
      const rotated = await vault.do('POST', 'vault/rotate', { data_key: true, password: PASSWORD });
      expect(rotated.data_key_version).toBe(version);
      const { epoch } = rotated;
      await vault.untilHeld();
      await waitFor(async () => (await vault.view()).processes.every(({ key }) => key), {
        describe: `epoch ${epoch} everywhere`,
      });
    }
    clearInterval(load);
    const ended = await Promise.all((await Promise.all(jobs)).map((job) => vault.ended(job)));
    expect(ended.length).toBeGreaterThan(20);
    expect(ended.filter(({ attempts }) => attempts.length !== 1)).toStrictEqual([]);
    said(
      `${ended.length} jobs ran through two rotations; the slowest ended`,
      Math.max(...ended.map((job) => Date.parse(job.finished_at ?? '') - Date.parse(job.created_at))),
    );
  });

  it('of the password leaves everything open, and only the new one unlocks', async () => {
    await vault.do('POST', 'vault/rotate', { password: PASSWORD, new_password: NEXT_PASSWORD });
    await vault.ended(await vault.job());
    await vault.do('POST', 'vault/lock');
    const old = await vault.admin('POST', 'vault/unlock', { password: PASSWORD });
    expect(old).toMatchObject({ status: 403, body: { code: 'vault_password_wrong' } });
    await vault.do('POST', 'vault/unlock', { password: NEXT_PASSWORD });
    await vault.untilHeld();
    await vault.ended(await vault.job());
  });

  it.each<[string, Json, number, string]>([
    ['of nothing', { password: NEXT_PASSWORD }, 400, 'invalid_request'],
    ['of two things', { password: NEXT_PASSWORD, data_key: true, new_password: PASSWORD }, 400, 'invalid_request'],
    ['without the password', { data_key: true }, 400, 'missing_required_parameter'],
    ['to a short password', { password: NEXT_PASSWORD, new_password: 'short' }, 400, 'invalid_value'],
    ['of an encryption key that there is not', { encryption_key: true }, 400, 'invalid_value'],
    ['with a wrong password', { password: PASSWORD, data_key: true }, 403, 'vault_password_wrong'],
  ])('%s is refused', async (_what, body, status, code) => {
    expect(await vault.admin('POST', 'vault/rotate', body)).toMatchObject({ status, body: { code } });
  });
});

describe('a wrong password', () => {
  it('costs a tenth of a second and more, and is held back after some', async () => {
    // The right one forgets those before it.
    await vault.do('POST', 'vault/unlock', { password: NEXT_PASSWORD });
    for (const password of ['', 'short', PASSWORD, 'x'.repeat(1_024), 'wrong and long enough']) {
      const from = performance.now();
      const answer = await vault.admin('POST', 'vault/unlock', { password });
      expect(answer).toMatchObject({ status: 403, body: { code: 'vault_password_wrong' } });
      expect(performance.now() - from).toBeGreaterThanOrEqual(100);
    }
    const held = await vault.admin('POST', 'vault/unlock', { password: NEXT_PASSWORD }, {}, 1);
    expect(held).toMatchObject({ status: 429, body: { code: 'rate_limit_exceeded' } });
    expect(Number(held.headers.get('retry-after'))).toBeGreaterThan(30);
    await vault.ended(await vault.job());
  });

  it('is in no log line', () => {
    for (const canary of [PASSWORD, NEXT_PASSWORD, 'wrong and long enough', PROVIDER_KEY]) {
      expect(vault.lines.filter((line) => line.includes(canary))).toStrictEqual([]);
    }
  });
});

it('what administrators did is noted, with who and what, and without any secret', async () => {
  const noted = async (kind: string): Promise<Json[]> =>
    (await vault.do<{ data: Json[] }>('GET', `audit?limit=100&action=${kind}.*`)).data;
  const [ofVault, ofSecrets] = [await noted('vault'), await noted('vault_secret')];
  expect(new Set(ofVault.map(({ action }) => action))).toEqual(
    new Set([
      ...['vault.initialised', 'vault.unlocked', 'vault.locked', 'vault.refused'],
      ...['vault.data_key_rotated', 'vault.password_rotated'],
    ]),
  );
  expect(new Set(ofSecrets.map(({ action }) => action))).toEqual(
    new Set(['vault_secret.created', 'vault_secret.updated', 'vault_secret.deleted']),
  );
  for (const entry of ofVault) expect(entry).toMatchObject({ actor: 'token', target: 'vault' });
  for (const entry of ofSecrets) expect(entry).toMatchObject({ actor: 'token' });
  for (const canary of [PASSWORD, NEXT_PASSWORD, PROVIDER_KEY]) {
    expect(JSON.stringify([ofVault, ofSecrets])).not.toContain(canary);
  }
});
