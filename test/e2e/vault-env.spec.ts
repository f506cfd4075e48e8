import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { channels, keys } from '#platform/keys.js';
import { freePort } from '#testing/free-port.js';
import { startProcess } from '#testing/process-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { newKey, VaultStack } from './vault-stack.js';

const encryptionKey = newKey();
/** The worker's own: it gets the data key from the API process. */
const BARE = { TOKENHUB_ENCRYPTION_KEY: '' };

let vault: VaultStack;

beforeAll(async () => {
  vault = await VaultStack.start({ workers: 0, env: { TOKENHUB_ENCRYPTION_KEY: encryptionKey } });
  await vault.stack.startWorker(BARE);
}, 120_000);

afterAll(() => vault.stop());

it('without a cluster secret no vault can be made, and the state says why', async () => {
  const alone = await vault.stack.startApi({ TOKENHUB_CLUSTER_SECRET: '' });
  const at = vault.stack.apis.indexOf(alone);
  const init = { mode: 'password', password: 'long enough for all' };
  const refused = await vault.admin('POST', 'vault/init', init, {}, at);
  expect(refused).toMatchObject({ status: 409, body: { code: 'vault_not_configured' } });
  expect(refused.text).toContain('TOKENHUB_CLUSTER_SECRET');
  expect((await vault.view(at)).warnings.join()).toContain('TOKENHUB_CLUSTER_SECRET is not set');
  await alone.stop();
});

it('is made without a password, and a process without the encryption key is handed the data key', async () => {
  await vault.furnish({ mode: 'env' });
  expect(await vault.view()).toMatchObject({
    ...{ state: 'unlocked', mode: 'env', warnings: [] },
    administration: { open: true, closes_at: null, auto_lock_minutes: null },
  });
  await vault.ended(await vault.job());
});

it('opens by itself when everything starts again', async () => {
  await Promise.all([...vault.stack.apis, ...vault.stack.workers].map((one) => one.kill()));
  await Promise.all([vault.stack.startApi(), vault.stack.startWorker(BARE)]);
  await vault.untilHeld();
  await vault.ended(await vault.job());
}, 90_000);

it('locked by an administrator it stays locked, also when everything starts again, until it is unlocked', async () => {
  await vault.do('POST', 'vault/lock');
  await vault.untilHeld(false);
  await Promise.all(
    [...vault.stack.apis, ...vault.stack.workers].filter((one) => one.isRunning()).map((one) => one.stop()),
  );
  await Promise.all([vault.stack.startApi(), vault.stack.startWorker(BARE)]);
  expect((await vault.view()).state).toBe('locked');
  expect(await vault.admin('POST', 'vault/unlock', { password: 'not for this mode' })).toMatchObject({
    status: 400,
    body: { code: 'invalid_value' },
  });
  await vault.do('POST', 'vault/unlock');
  await vault.untilHeld();
  await vault.ended(await vault.job());
}, 90_000);

it('locked by an administrator it stays locked although Redis says that it is open', async () => {
  await vault.do('POST', 'vault/lock');
  await vault.untilHeld(false);
  const redis = new Redis(vault.stack.redis.url);
  await redis.hset(keys.vault(), 'state', 'unlocked');
  await redis.publish(channels.vault(), 'state');
  redis.disconnect();
  // Looking, the API process has tried to open it.
  expect(await vault.view()).toMatchObject({ state: 'locked', this_process: { key: false, encryption_key: true } });
  const api = await vault.stack.startApi();
  const at = vault.stack.apis.indexOf(api);
  expect(await vault.view(at)).toMatchObject({ state: 'locked', this_process: { key: false } });
  await api.stop();
  await vault.do('POST', 'vault/unlock');
  await vault.untilHeld();
  await vault.ended(await vault.job());
}, 90_000);

it('a new encryption key takes over from the old one', async () => {
  const next = newKey();
  const [old] = vault.stack.apis.filter((one) => one.isRunning());
  const api = await vault.stack.startApi({ TOKENHUB_ENCRYPTION_KEY: next });
  const at = vault.stack.apis.indexOf(api);
  // The key that it has is not the vault's: it says so, and is handed the data key like one that has none.
  await waitFor(async () => (await vault.view(at)).this_process.key);
  await waitFor(async () => (await vault.view(at)).warnings.join().includes('TOKENHUB_ENCRYPTION_KEY'));
  expect(await vault.admin('POST', 'vault/rotate', { encryption_key: true }, {}, at)).toMatchObject({
    ...{ status: 200, body: { warnings: [] } },
  });
  await old?.stop();
  await api.stop();
  const [again] = [await vault.stack.startApi({ TOKENHUB_ENCRYPTION_KEY: next })];
  await waitFor(async () => (await vault.view()).this_process.key);
  expect(again.isRunning()).toBe(true);
  await vault.ended(await vault.job());
}, 90_000);

it.each(['api', 'worker'])(
  'a key of another length ends the %s at its start with one line that names the variable',
  async (app) => {
    const started = startProcess({
      name: app,
      entry: `dist/apps/${app}/src/main.js`,
      env: {
        ...{ TOKENHUB_PORT: String(await freePort()), REDIS_URL: vault.stack.redis.url },
        TOKENHUB_ENCRYPTION_KEY: Buffer.alloc(16, 9).toString('base64'),
      },
    });
    expect(await started.exit).toEqual({ code: 1, signal: null });
    expect(started.lines).toEqual([expect.stringContaining('TOKENHUB_ENCRYPTION_KEY: must be the base64 of 32 bytes')]);
  },
);
