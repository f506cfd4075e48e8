import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { channels, keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { type Json, read } from './doors.js';
import { newKey, PASSWORD, VaultStack } from './vault-stack.js';

let vault: VaultStack;
let redis: Redis;

const keyIn = async (url: string): Promise<boolean> =>
  ((await (await fetch(`${url}/ready`)).json()) as { vault: { key: boolean } }).vault.key;

/** One statement as somebody with access to the database would send it. */
async function query(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: vault.stack.database?.url });
  await client.connect();
  await client.query(text);
  await client.end();
}

async function restartAll(env: Record<string, string> = {}): Promise<void> {
  const running = [...vault.stack.apis, ...vault.stack.workers].filter((one) => one.isRunning());
  await Promise.all(running.map((one) => one.stop()));
  await Promise.all([vault.stack.startApi(env), vault.stack.startWorker(env)]);
}

afterAll(async () => {
  redis.disconnect();
  await vault.stop();
});

describe('a vault with a password', () => {
  beforeAll(async () => {
    // One process, so that pausing it leaves nobody who answers: a paused PostgreSQL goes on answering connections that are there.
    vault = await VaultStack.start({ database: 'pglite', env: { TOKENHUB_VAULT_AUTO_LOCK_MINUTES: '1' } });
    redis = new Redis(vault.stack.redis.url);
    await vault.furnish();
  }, 120_000);

  it('a worker that starts is given the key, and so is an API process', async () => {
    await vault.stack.workers[0]?.kill();
    await vault.stack.startWorker();
    await vault.stack.startApi();
    await vault.untilHeld();
    await vault.ended(await vault.job());
  });

  it('a worker with another cluster secret never gets it, and takes no job that needs it', async () => {
    const stranger = await vault.stack.startWorker({ TOKENHUB_CLUSTER_SECRET: newKey() });
    await waitFor(() => vault.lines.some((line) => line.includes('hand_over_mac')), { describe: 'the refusal' });
    const jobs = await Promise.all(Array.from({ length: 20 }, () => vault.job()));
    for (const job of jobs) expect((await vault.ended(job)).attempts).toMatchObject([{ n: 1, state: 'completed' }]);
    expect(await keyIn(stranger.url)).toBe(false);
    const view = await vault.view();
    expect(view.processes.filter(({ key }) => !key)).toMatchObject([{ role: 'worker' }]);
    await stranger.stop();
  });

  it('whoever can write to Redis, and does not know the cluster secret, is believed nothing', async () => {
    const id = 'worker-forged';
    const ask = { process: id, publicKey: randomBytes(32).toString('base64url'), nonce: 'n', box: null };
    const said = {
      ...ask,
      epoch: (await vault.view()).epoch,
      expiresMs: Date.now() + 10_000,
      mac: randomBytes(32).toString('base64url'),
    };
    await redis.set(keys.vaultAsk(id), JSON.stringify(said));
    await redis.publish('{th}:vault-changes', `ask:${id}`);
    await waitFor(() => vault.lines.some((line) => line.includes(id) && line.includes('hand_over_mac')));
    expect(await redis.get(keys.vaultAnswer(id))).toBeNull();
  });

  it('a vault that is locked opens for nobody because Redis says that it is open, also not when everything starts again', async () => {
    await vault.do('POST', 'vault/lock');
    await vault.untilHeld(false);
    await redis.hset(keys.vault(), 'state', 'unlocked');
    await redis.publish(channels.vault(), 'state');
    expect(await redis.hget(keys.vault(), 'state')).toBe('unlocked');
    expect(await vault.view()).toMatchObject({ state: 'locked', this_process: { key: false } });
    await restartAll();
    expect(await redis.hget(keys.vault(), 'state')).toBe('unlocked');
    expect(await vault.view()).toMatchObject({ state: 'locked', this_process: { key: false } });
    expect(await vault.admin('PUT', 'vault/secrets/a', { value: 'x' })).toMatchObject({ status: 403 });
    await vault.do('POST', 'vault/unlock', { password: PASSWORD });
    await vault.untilHeld();
    await vault.ended(await vault.job());
  }, 90_000);

  it('the administration closes by itself, the pools go on, and the password opens it again', async () => {
    expect((await vault.view()).administration).toMatchObject({
      open: true,
      auto_lock_minutes: 1,
      closes_at: expect.any(String),
    });
    // As if the minute had passed.
    await redis.pexpire(keys.vaultAdministration(), 1);
    await waitFor(async () => !(await vault.view()).administration.open);
    for (const [method, path, body] of [
      ['PUT', 'vault/secrets/a', { value: 'x' }],
      ['POST', 'vault/secrets', { name: 'a', value: 'x' }],
      ['DELETE', 'vault/secrets/guarded-key', undefined],
    ] as const) {
      expect(await vault.admin(method, path, body)).toMatchObject({
        status: 403,
        body: { code: 'vault_administration_closed' },
      });
    }
    expect((await vault.admin('GET', 'vault/secrets')).status).toBe(200);
    await vault.ended(await vault.job());
    const { epoch } = await vault.view();
    expect(await vault.do('POST', 'vault/unlock', { password: PASSWORD })).toMatchObject({
      epoch,
      administration: { open: true },
    });
    await vault.do('PUT', 'vault/secrets/a', { value: 'x' });
  });

  it('a lock takes effect while the database is away, too, and the answer says so', async () => {
    vault.stack.database?.pause();
    const locked = await vault.admin('POST', 'vault/lock').finally(() => vault.stack.database?.resume());
    expect(locked).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
    await vault.untilHeld(false);
    await vault.do('POST', 'vault/unlock', { password: PASSWORD });
    await vault.untilHeld();
  });

  it('Redis loses everything: whoever holds the key says that it is open', async () => {
    const { epoch } = await vault.view();
    await redis.del(keys.vault());
    await waitFor(async () => (await redis.hget(keys.vault(), 'state')) === 'unlocked');
    await vault.untilHeld();
    expect((await vault.view()).epoch).toBeGreaterThan(epoch ?? Infinity);
    await vault.ended(await vault.job());
  });

  it('when every process has ended it is closed, and the password opens it', async () => {
    await restartAll();
    expect(await vault.view()).toMatchObject({ state: 'locked', mode: 'password' });
    const job = await vault.job();
    await waitFor(
      async () => ((await read(vault.url, job.id)).waiting_for as Json | undefined)?.reason === 'vault_locked',
    );
    await vault.do('POST', 'vault/unlock', { password: PASSWORD });
    await vault.untilHeld();
    await vault.ended(job);
  }, 90_000);

  it('a secret that was tampered with, or swapped with another, is refused by name', async () => {
    await query(
      `UPDATE vault_secrets SET sealed = (SELECT sealed FROM vault_secrets WHERE name = 'a') WHERE name = 'guarded-key'`,
    );
    await vault.do('PUT', 'vault/secrets/b', { value: 'x' });
    await waitFor(async () => {
      const { body } = await vault.admin<{ detail: string }>('POST', 'providers/guarded/test');
      return body.detail.includes('the secret guarded-key of the vault is not as it was written');
    });
    const rotated = await vault.admin<{ detail: string }>('POST', 'vault/rotate', {
      data_key: true,
      password: PASSWORD,
    });
    expect(rotated).toMatchObject({ status: 500, body: { code: 'vault_corrupt' } });
    expect(rotated.body.detail).toContain('guarded-key');
    expect((await vault.view()).data_key_version).toBe(1);
  });

  it('a damaged record opens for nobody, and says that it is the record', async () => {
    await query(`UPDATE vault SET kdf = jsonb_set(kdf::jsonb, '{passes}', '4')::json`);
    await restartAll();
    const unlocked = await vault.admin<{ detail: string }>('POST', 'vault/unlock', { password: PASSWORD });
    expect(unlocked).toMatchObject({ status: 500, body: { code: 'vault_corrupt' } });
    expect(unlocked.body.detail).toContain('the vault record');
    const view = await vault.view();
    expect(view).toMatchObject({ state: 'locked', this_process: { key: false } });
    expect(view.warnings.join()).toContain('the vault record cannot be read');
    expect((await vault.admin('POST', 'vault/init', { mode: 'password', password: PASSWORD })).status).toBe(500);
  }, 90_000);
});
